# Debian's Net::SNPP::Server as a paging network. Prints "port N", and then one line a page: fields parted by tabs.
#
#     perl snpp_server.pl [login]     with "login", LOGI night s3cret has to be told first
#
# LOGI, MSTA and KTAG are hooks that the module leaves to its user. A page to 5550000 is answered by its owner with the
# first choice as soon as it is asked after.
use strict;
use warnings;
use IO::Handle;
use Net::SNPP::Server;
use Socket;

STDOUT->autoflush(1);
my $port = 20_000 + int rand 20_000;
my $server;
until ( $server = eval { Net::SNPP::Server->new( Port => $port, MaxErrors => 20 ) } ) { $port = 20_000 + int rand 20_000 }
print "port $port\n";
my ( %page, $number );
$server->callback( write_log => sub { } );
$server->callback( create_id_and_pin => sub { return ( 4000 + ++$number, 99 ) } );
$server->callback(
    process_page => sub {
        my ( $pager, $said ) = @_;
        my $choices = $said->{responses} || {};
        my $text = $said->{mess};
        $text =~ s/\n/|/g;
        $text =~ s/\|$//;
        $page{ 4000 + $number + 1 } = $pager->[0] if $said->{twoway};
        print join( "\t", $pager->[0], $text, $said->{twoway} || 0, $said->{alert}, join( ',', sort keys %$choices ) ), "\n";
        return 1;
    }
);
$server->custom_command( LOGI => sub { return ( "@_" eq 'night s3cret' ? '250 Login accepted' : '550 Invalid login', 1 ) } );
$server->custom_command( ACKR => sub { return ( '250 Read acknowledgement enabled', 1 ) } );
$server->custom_command(
    MSTA => sub {
        my ( $tag, $pin ) = @_;
        return ( '550 Unknown or illegal message tag', 1 ) unless $page{ $tag || 0 } and $pin eq '99';
        return ( "888 $tag 261103040500+00 01", 1 ) if $page{$tag} eq '5550000';
        return ( "881 $tag 261103040500+00 Message delivered and read", 1 );
    }
);
while ( my $client = $server->client ) { $server->handle_client($client); close $client }
