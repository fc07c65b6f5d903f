// Package faulttest is the proof that nothing is lost and nothing is invented
// when things go wrong. It holds tests only.
//
// In goes reconcile.Engine, from desired.Load to the release of the leases and
// through the AWS SDK, in front of a pretend AWS, in virtual time
// (testing/synctest). Between the two stands a wire that breaks connections, loses,
// delays and spoils answers; beside them a neighbour changes records, functions and
// aliases whenever he likes. Runs are interrupted, run out of time, lose a lease,
// or die with nothing left but what AWS and the journal hold. A state machine
// (pgregory.net/rapid) draws all of it, and after each step holds what was reported
// against what the wire and the pretend AWS saw. It never reads a clock of the
// machine and never opens a connection.
//
// One seed replays all: what rapid does not draw itself, down to the jitter of
// package ratelimit and the order of calls that begin at one instant, comes of
// numbers that it draws, by name and not by turn (see seed). A failure prints the
// command that repeats it.
package faulttest
