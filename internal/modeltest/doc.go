// Package modeltest holds the program against a second opinion. It holds tests only.
//
// A model of the fleet file and of a run, written from the pages in docs and
// importing nothing of ours but the pretend AWS, says what small random fleets
// mean in small random worlds: which are errors, what each config is to be, what
// a run does, what the guard says, which exit code comes back, what AWS holds
// after apply and after rollback. The built program then does it, as a process,
// and every difference is a fault of one of the two.
//
// The model is slow and plain on purpose: it has loops where the program has
// indexes, and text where the program has types. What a person cannot follow with
// a finger in docs/fleet-file.md does not belong in it.
package modeltest
