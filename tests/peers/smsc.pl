# An SMSC out of Perl's Net::SMPP: takes binds and texts, and reports each by text. Orders as in smsc.js, of which it knows
# the settings `stat` and `ids`, and the order "say".
use strict;
use warnings;
use IO::Select;
use JSON::PP;
use Net::SMPP;

$| = 1;
my %settings = (stat => 'DELIVRD', ids => 'decimal');
my $json = JSON::PP->new->canonical;
my $server = Net::SMPP->new_listen('127.0.0.1', port => 0, version => 0x34) or die "cannot listen: $!";
my $select = IO::Select->new(\*STDIN, $server);
my (@sessions, $count);
$count = 5000;

sub tell_ { print $json->encode($_[0]), "\n" }
tell_({event => 'listening', port => $server->sockport});

sub named {
    my ($number, $told) = @_;
    my @styles = split / then /, $settings{ids};
    return $styles[$told ? -1 : 0] eq 'hex' ? sprintf('%x', $number) : "$number";
}

sub handle {
    my ($session, $pdu) = @_;
    my $cmd = $pdu->cmd;
    if ($cmd == Net::SMPP::CMD_bind_transceiver) {
        my $right = $pdu->{system_id} eq 'nightdesk' && $pdu->{password} eq 'secret';
        my $status = $right ? 0 : 0x0E;
        $session->bind_transceiver_resp(seq => $pdu->seq, status => $status, system_id => 'perl');
        tell_({event => 'bind', status => $status});
    } elsif ($cmd == Net::SMPP::CMD_submit_sm) {
        my $number = ++$count;
        tell_({event => 'submit', status => 0, number => $number, to => $pdu->{destination_addr}, from => $pdu->{source_addr},
               hex => unpack('H*', $pdu->{short_message}), esm => $pdu->{esm_class}, coding => $pdu->{data_coding},
               validity => $pdu->{validity_period}, registered => $pdu->{registered_delivery}});
        $session->submit_sm_resp(seq => $pdu->seq, message_id => named($number, 0));
        return unless $pdu->{registered_delivery};
        my $id = named($number, 1);
        $session->deliver_sm(source_addr_ton => 1, source_addr_npi => 1, source_addr => $pdu->{destination_addr},
            dest_addr_ton => 1, dest_addr_npi => 1, destination_addr => $pdu->{source_addr}, esm_class => 4,
            short_message => "id:$id sub:001 dlvrd:001 submit date:2611030400 done date:2611030400 stat:$settings{stat} err:000 text:",
            async => 1);
    } elsif ($cmd == Net::SMPP::CMD_deliver_sm_resp) {
        tell_({event => 'answered', status => $pdu->status});
    } elsif ($cmd == Net::SMPP::CMD_enquire_link) {
        tell_({event => 'enquire_link'});
        $session->enquire_link_resp(seq => $pdu->seq);
    } elsif ($cmd == Net::SMPP::CMD_unbind) {
        tell_({event => 'unbind'});
        $session->unbind_resp(seq => $pdu->seq);
    }
}

while (1) {
    for my $ready ($select->can_read) {
        if ($ready == \*STDIN) {
            my $line = <STDIN>;
            exit 0 unless defined $line;
            my $order = $json->decode($line);
            %settings = (%settings, %{$order->{set}}) if $order->{set};
            if (($order->{do} // '') eq 'say') {
                $_->deliver_sm(source_addr_ton => 1, source_addr_npi => 1, source_addr => $order->{from},
                    destination_addr => $order->{to}, short_message => pack('H*', $order->{hex}),
                    data_coding => $order->{coding} // 0, async => 1) for @sessions;
            }
            tell_({event => 'done', number => $order->{number}});
        } elsif ($ready == $server) {
            my $session = $server->accept or next;
            push @sessions, $session;
            $select->add($session);
        } else {
            my $pdu = $ready->read_pdu;
            if ($pdu) { handle($ready, $pdu); next }
            $select->remove($ready);
            @sessions = grep { $_ != $ready } @sessions;
            $ready->close;
        }
    }
}
