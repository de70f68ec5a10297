# A second implementation of SNPP, Perl's Net::SNPP: sends one two-way page and tells what the network says of it.
#
#     perl snpp_client.pl PORT PAGER TEXT            prints "sent TAG PASSCODE CODE"
#     perl snpp_client.pl PORT status TAG PASSCODE   prints "status CODE SEQUENCE TIME WORDS"
#     perl snpp_client.pl PORT one PAGER TEXT        prints "one-way OK" or "one-way FAILED CODE"
use strict;
use warnings;
use Net::SNPP;

my ( $port, $what, @rest ) = @ARGV;
my $network = Net::SNPP->new( '127.0.0.1', Port => $port, Timeout => 5 ) or die "no greeting\n";
if ( $what eq 'status' ) {
    my @said = $network->message_status(@rest);
    print join( ' ', 'status', $said[4], $said[0], $said[1] . $said[2], $said[3] ), "\n";
}
elsif ( $what eq 'one' ) {
    my $sent = $network->send( Pager => $rest[0], Message => $rest[1], Alert => 1, ServiceLevel => 3 );
    print $sent ? "one-way OK\n" : 'one-way FAILED ' . $network->code . "\n";
}
else {
    $network->two_way          or die "2WAY\n";
    $network->command( 'PAGE', $what )->response == 8 or die 'PAGE ' . $network->code . "\n";
    $network->read_ack(1)      or die "ACKR\n";
    $network->expire_time(2)   or die "EXPT\n";
    # reply_type of version 1.17 sends the number of its arguments in place of them
    $network->command( 'RTYP', 'MULTICHOICE' )->response == 2 or die "RTYP\n";
    $network->message_response( '01', 'OK I take it' ) or die "MCRE\n";
    $network->data( "$rest[0]\n" ) or die "DATA\n";
    my @said = $network->send_two_way;
    print join( ' ', 'sent', $said[0], $said[1], $said[3] ), "\n";
}
$network->quit;
