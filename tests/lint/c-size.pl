#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# Measures C sources: prints "FILE KIND NAME VALUE" for each
#   file      lines of the file                                  (NAME is -)
#   function  lines from the opening to the closing brace
#   nesting   deepest block inside the function; its body is 0
# It reads tokens, not lines, so layout does not matter; of an #if ... #else only the first
# branch counts for braces.  Blocks are braces after if/for/while/switch (...), else and do;
# braces of initialisers and compound literals are not.
use strict;
use warnings;

for my $file (@ARGV) {
  open my $fh, '<', $file or die "$file: $!\n";
  my $text = do { local $/; <$fh> };
  close $fh;
  my $lines = ($text =~ tr/\n//);
  print "$file file - $lines\n";
  measure ($file, blank ($text));
}

# Blanks comments, literals and directives; keeps every newline.
sub blank {
  my ($text) = @_;
  my $keep = sub { my $s = $_[0]; $s =~ s/[^\n]/ /g; $s };
  $text =~ s{(/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')}
            {substr ($1, 0, 1) eq '/' ? $keep->($1) : 'L' . $keep->(substr $1, 1)}gse;
  my @skip;    # one entry an open #if: is this branch left out?
  my @out;
  my $continued = 0;
  for my $line (split /\n/, $text, -1) {
    my $directive = $continued || $line =~ /^\s*#/;
    if (!$continued && $line =~ /^\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b/) {
      if ($1 =~ /^if/) { push @skip, 0 }
      elsif ($1 eq 'endif') { pop @skip }
      elsif (@skip) { $skip[-1] = 1 }
    }
    $continued = $directive && $line =~ /\\\s*$/;
    push @out, ($directive || grep { $_ } @skip) ? '' : $line;
  }
  return join "\n", @out;
}

sub measure {
  my ($file, $text) = @_;
  my $line = 1;
  my (@parens, @braces);    # words before each open "("; kind of each open "{"
  my ($before, $callee, $last_word, $name) = ('', '', '', '');
  my ($start, $depth, $deepest) = (0, 0, 0);
  while ($text =~ /\G(\n|[ \t\r\f]+|[A-Za-z_]\w*|.)/gs) {
    my $token = $1;
    if ($token eq "\n") { $line++; next }
    next if $token =~ /^\s/;
    if ($token eq '(') {
      # The function is the word before the first top-level parenthesis of its declaration;
      # attributes come before or after with names of their own.
      if (!@braces && !@parens && $before =~ /^\w/ && $before !~ /^(__attribute__|IMG_PRINTF)$/) {
        $name = $before;
      }
      push @parens, $before;
    } elsif ($token eq ')') {
      $callee = pop (@parens) // '';
    } elsif ($token eq '{') {
      my $kind = 'data';
      if (!@braces && $before eq ')') {
        $kind = 'function';
        ($start, $depth, $deepest) = ($line, 0, 0);
      } elsif ($before =~ /^(else|do)$/
               || ($before eq ')' && $callee =~ /^(if|for|while|switch|[A-Z_]*FOREACH[A-Z_]*)$/)) {
        $kind = 'block';
        $depth++;
        $deepest = $depth if $depth > $deepest;
      }
      # extern "C" { and plain braces
      $kind = 'open' if $kind eq 'data' && !@braces && $before =~ /^(L|extern)$/;
      push @braces, $kind unless $kind eq 'open';
    } elsif ($token eq '}') {
      my $kind = pop (@braces) // '';
      $depth-- if $kind eq 'block';
      if ($kind eq 'function') {
        printf "%s function %s %d\n", $file, $name, $line - $start + 1;
        printf "%s nesting %s %d\n", $file, $name, $deepest;
      }
    }
    $before = $token;
  }
}
