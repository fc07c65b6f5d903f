// Package shard says which part of a fleet this process works on.
//
// In come the --shard flag, a way to look up environment variables, and the
// fleet's targets. Out comes a Shard, and the targets that belong to it. The
// unit is the target: one account in one region is never split, because its
// quota cannot be.
//
// Processes of one fleet agree without talking to each other: every target
// belongs to exactly one shard, and a change of the number of shards moves only
// the targets of the shard that came or went. The package reads no environment
// by itself, keeps no state, and never guesses a missing count: with a guess of
// one, every process would work on the whole fleet.
package shard
