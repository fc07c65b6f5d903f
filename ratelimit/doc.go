// Package ratelimit decides when to call, and when to call again, against a
// quota that is shared with others who do not know of us.
//
// In come attempts that ask for a token ([Limiter.Acquire]), what came of them
// ([Grant.Done]), and jobs whose calls are to be repeated until they are over
// ([Run]). Out go grants, settled calls and figures
// ([Limiter.Snapshot]). The package knows nothing of whom it calls: whoever makes a
// call says what came of it ([WithResult]), and whose quota it counts against
// ([Registry]). Tokens come from a bucket of golang.org/x/time/rate.
//
// # Promises
//
//   - Every attempt pays one token, repeats included. There is no opening burst.
//   - The rate never exceeds quota times share, both of which may change at any
//     time ([Registry.Refresh]). It halves when the quota refuses, remembers what
//     others leave, and tries more ever more seldom while they stay. It grows only while
//     somebody waits.
//   - Limiters that tell each other what they use divide the quota among them, and all
//     together stay within it ([Limiter.Divide]).
//   - The highest priority goes first, within one token. A caller that leaves,
//     and a change of rate, take effect with the next token.
//   - A Retry-After holds back everybody on the quota. A server that fails five
//     times in a row gets one call at a time until it answers one.
//   - Every call of every job is settled exactly once, also when the run is
//     stopped. The error then says whether it was attempted, and whether it may
//     have been executed.
//   - What is refused for ever holds nobody else back: every other call of the run
//     is made. A run that is not served at all ends ([GivenUpError]).
//   - Every wait has an end, and shows in the snapshot ([Backlog]).
//   - One goroutine per limiter, and one per worker of a run. What waits for
//     another attempt holds no goroutine.
//
// # Waits
//
//	a token             its place in the queue, at 0.5 per second or more
//	a pause             0.25 to 0.75 s after a refusal, or what the server asks, at most 60 s
//	the breaker         1, 2, 4, 8, 8.. s, give or take a quarter, until a probe is answered
//	another attempt     what its [Policy] says, give or take a fifth, or what the server asks
//	the repeat budget   up to 5 minutes; one repeat a second is always within it
//	a call under way    the caller's: Run waits for Job.Call, which must have an end
//
// The package never prints, never sleeps where it cannot be cancelled, and never repeats
// a call whose error nobody marked as worth repeating.
package ratelimit

// What was measured:
//
// In virtual time, against a modelled quota of 15 per second with a bucket of
// 15, answers after 45 to 85 ms, and the default share of 0.9; go test -v
// prints these figures. Efficiency is the ideal wall time over the real one.
//
//	alone, 1,500 calls           efficiency 0.9999, no refusal; also with a bucket
//	                             of 2 or 45 and with one-second windows
//	beside 6 calls/s, 3,000      efficiency 0.95, own refusals 0.2 %, the
//	                             neighbour's 1.2 %, at most one operation of 720 lost
//	the same, 30,000             efficiency 0.98, own refusals 0.05 %, the neighbour's 0.6 %
//	beside a Terraform-like one  efficiency 0.95; Terraform 44 s, alone 43 s
//	12 console calls at once     none of them slowed, at 13 every 10 s neither
//	3 own processes, share 1     1.00 of the quota, 1.1 % refused, Jain index 0.98
//	5 own processes, share 1     1.00 of the quota, 2.2 % refused, Jain index 0.97;
//	                             0 % if they tell each other
//	outage of 60 s               14 or 15 calls wasted, efficiency 0.97 to 0.99
//	subject busy for 90 s        6 tokens
//
// Against the wall clock, 12 s of calls each at a quota of 15, 150 and 1,500
// with share 1, net of the slow start: efficiency 0.998, 0.991, 0.992. A token that is there costs 0.25 µs and no
// allocation; one that is waited for 1.1 µs and one allocation; a job in Run
// 1.5 µs; a waiting job 106 bytes.
//
// Tried, and left out:
//
// To probe faster or more slowly, to hold a little less than the room that was seen, or to
// fill the server's bucket for longer first: none moved a figure beyond the noise without
// costing another one as much.
//
// A bucket as small as 2 costs efficiency beside a neighbour (0.77): its random
// bursts are refused with us or without.
