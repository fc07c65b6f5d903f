// Package faulttest is the proof that nothing is lost and nothing is invented
// when things go wrong. It holds tests only.
//
// In goes the real road, from desired.Load to reconcile.Apply through the AWS
// SDK, in front of a pretend AWS, in virtual time (testing/synctest). Between the
// two stands a wire that breaks connections, loses, delays and spoils answers;
// beside them a neighbour changes records, functions and aliases whenever he
// likes. A state machine (pgregory.net/rapid) draws fleets, weather, neighbours
// and interruptions, and after each step holds what was reported against what
// the wire and the pretend AWS saw. It never reads a clock of the machine and
// never opens a connection.
//
// Everything is drawn from the seed of rapid, but for two things: the jitter of
// package ratelimit, which is random in earnest, and the order of goroutines
// that wake at the same instant. A failure may therefore need more than one run to
// be seen again; its log holds every request of the step that failed.
package faulttest
