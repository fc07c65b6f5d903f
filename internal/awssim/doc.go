// Package awssim is a pretend AWS that answers at the level of the wire: the
// event invoke part of Lambda, with the little of STS, of the tagging API and of
// CloudTrail that a fleet tool needs, for several accounts and regions at once.
//
// What comes in: a [Scenario], from YAML or built in Go, and HTTP requests, over
// a socket ([World.ServeHTTP]) or without one ([World.Do]).
// What goes out: responses with the statuses, headers, texts and odd number
// formats that AWS was recorded to send, and a record of what was asked
// ([World.Calls], [World.Counts]). It never opens a connection, never writes a
// file, and starts no goroutine, so that it can live in a testing/synctest
// bubble. It imports nothing else of this module, so that it cannot share the
// mistakes of the code it tests.
//
// The same scenario and seed give the same answers to the same requests: each
// chance is a function of the seed, the account, the region, the operation, its
// subject and how often that was asked before. Requests about other functions,
// and the order in which they arrive, do not change it.
//
// # What goes wrong
//
// Faults by chance ([Faults]) come and go: throttles, 409s, server errors, broken
// connections, lost and truncated answers, short pages. Faults that stay are for
// what no repetition mends: deny, of an account, a role, a region or a function,
// refuses IAM actions; throttled, of a function, answers as an exceeded quota
// does for ever; refuse, of a function or a role, says no to a write or to
// AssumeRole; merge: replace is a server whose Update loses the destinations
// that it was not told of; endless_pages is a listing without an end. A request
// suffers one fault at most, and a call that the quota or throttled turns away
// is not drawn for.
//
// # Where a request belongs
//
// The credential scope of the Authorization header names the region and the
// service; the host name is only a fall-back. The access key id names the
// account: AKIA or ASIA and 12 digits select that account, any other key the
// scenario's first. A session token handed out by AssumeRole selects that
// session with its policy and its expiry.
//
// # Inferred
//
// LookupEvents follows CloudTrail's service model, its documented limits and records of
// other Lambda calls. No public record of an event invoke call is known, so the names
// and the request parameters of those are inferred, and that deletes are recorded at
// all. How late events appear and how many never do is the scenario's to say
// ([Trail]); AWS promises neither. What the quota or a fault turned away is not
// recorded; what was refused for another reason is, without parameters.
//
// # Not modelled
//
//   - Signatures are not verified, nor is the clock of the caller.
//   - Invocation, delivery to a destination, and the lag between storing a
//     setting and its effect on deliveries.
//   - Creating, updating and deleting functions, versions and aliases over the
//     wire. Tests do that with the methods of World.
//   - IAM, but for refusals that the scenario declares and the actions and resources
//     of a session policy. A function is always its unqualified ARN. Conditions are
//     not evaluated, and managed session policies (PolicyArns) are refused.
//   - Whether an execution role may call a destination, unless the scenario
//     says so with senders or refuse. Whoever writes finds all queues, topics and buses, and
//     buckets unless they are listed as missing; whoever looks them up finds what
//     the scenario has under destinations, or all where it has none. Only Lambda destinations of the same account
//     and region are looked up.
//   - FIFO topics are accepted: their refusal at write was never recorded.
//   - A function as destination of another qualifier of itself is accepted: only
//     the exact same function and qualifier was recorded to be refused.
//   - JSON null in an update is read as "left out": what AWS makes of it is not known.
//   - The order of several messages in one ValidationException, the text of a
//     SerializationException, and what a bad Marker answers outside the event
//     invoke listing. MasterRegion of ListFunctions is ignored.
//   - Events of reads, of other services, and CloudTrail Insights.
//   - Rate limits of STS and of the tagging API, and the Lambda limit of GetPolicy.
//   - How AWS counts its rate limit is not documented: a bucket and a fixed
//     window are offered, and neither is claimed to be the one.
//   - Eventual consistency: a write is seen by the next read.
package awssim
