# Stands in for systemd: opens a listening socket, holds it, and starts the server with it as often
# as it is told to, as sd_listen_fds(3) describes. Perl, because Node accepts from every socket that
# it listens on, and every Debian has it.
#
#   perl socket_holder.pl PROGRAM ARGUMENT…
#   → port N                   the socket is open
#   ← start | stop | kill      a line on standard input each
#   → started PID | ended      the answers
use strict;
use warnings;
use IO::Socket::INET;
use POSIX ();

$| = 1;
my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ENV{PORT} // 0, Listen => 16)
  or die "listen: $!";
print 'port ', $socket->sockport, "\n";
my $child;

sub finish {
  my ($signal) = @_;
  return unless $child;
  kill $signal, $child;
  waitpid $child, 0;
  undef $child;
}

while (my $line = <STDIN>) {
  if ($line =~ /^start/) {
    $child = fork;
    if (!$child) {
      # By way of 10, for where it is 3 already: only a real dup2 clears close-on-exec.
      POSIX::dup2(fileno $socket, 10);
      POSIX::dup2(10, 3);
      POSIX::close(10);
      $ENV{LISTEN_PID} = $$;
      $ENV{LISTEN_FDS} = 1;
      open STDIN, '<', '/dev/null';
      open STDOUT, '>', '/dev/null';
      exec { $ARGV[0] } @ARGV or die "exec: $!";
    }
    print "started $child\n";
  } else {
    finish($line =~ /^kill/ ? 'KILL' : 'TERM');
    print "ended\n";
  }
}
finish('TERM');
