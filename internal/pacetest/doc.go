// Package pacetest is the proof of pace: eventinvoke's own client and limiter
// on a quota that others use too. It holds tests only, and the neighbour that
// ratelimit's own tests have as well.
//
// In goes the real stack, from [ratelimit.Run] through the AWS SDK to the bytes
// on the wire, in front of a pretend AWS without sockets. Time is virtual
// (testing/synctest): an hour of calls takes a second or two, and nothing ever
// sleeps. Out come the figures that BOUNDS.md promises, each held to its
// bound by a test, and the comparison with other ways to pace in COMPARISON.md.
//
// The comparison is a test as well, because a bubble of virtual time needs a
// *testing.T. It rewrites its part of COMPARISON.md and docs/pace.svg when
// it is run with -update:
//
//	go test ./internal/pacetest -run '^TestComparison$' -update -v
//
// ratelimit's own tests hold the limiter to the same bounds on a leaner model of
// a server, where a seed gives the same figures every time. Here one call is one
// call of the SDK, so that what the SDK does, or begins to do with its next
// release, is part of the proof; the price is that figures scatter a little.
package pacetest
