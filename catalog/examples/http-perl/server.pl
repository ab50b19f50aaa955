# One connection after the other, with what comes with Perl.
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
$SIG{TERM} = sub { exit 0 };
my $server = IO::Socket::INET->new(LocalAddr => '0.0.0.0', LocalPort => 8080, Listen => 128, ReuseAddr => 1) or die "listening: $!\n";
print "listening on port 8080\n";
while (1) {
    my $socket = $server->accept or next;
    my ($path) = (<$socket> // '') =~ m{^GET (\S+)};
    while (my $line = <$socket>) { last if $line eq "\r\n" }
    my ($status, $body) = ('404 Not Found', "no such page\n");
    if (defined $path && $path eq '/') { ($status, $body) = ('200 OK', "Hello from Perl\n") }
    elsif (defined $path && $path =~ m{^/count/(\w+)$}) {
        my %count;
        $count{$_}++ for split //, $1;
        ($status, $body) = ('200 OK', join(' ', map { "$_$count{$_}" } sort keys %count) . "\n");
    }
    print $socket "HTTP/1.1 $status\r\nContent-Type: text/plain\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n$body";
    close $socket;
}
