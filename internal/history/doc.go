// Package history keeps what a run leaves behind: its record, its write-ahead
// journal, and the leases that keep two runs from writing to one target.
//
// In come the plan and the outcome of a run, as package reconcile has them; out
// come records, the before-images that undo a run, and the right to write. It
// all lives in a Store: a folder, or a prefix of an S3 bucket. The package
// prints nothing, never calls Lambda, and decides nothing: a history is a
// record, never an input to a plan. In a folder it needs a Unix.
//
// # Layout
//
// Names are the same in a folder and in S3. They are a contract, which
// docs/history.md describes for people:
//
//	runs/RUN/STARTED-SHARD.json        the record: at the beginning, then replaced at the end
//	journals/RUN/STARTED-SHARD.jsonl   the journal; in S3 a series of .jsonl/part-OFFSET
//	alive/RUN/STARTED-SHARD.json       renewed while the run is at work, gone when it ended
//	leases/ACCOUNT/REGION.json         who writes to a target now
//	pace/ACCOUNT/REGION.json           who calls there now, and at which rate: see Peers
//	chain/NUMBER.json, chain/head.json what vouches for records and journals
//
// STARTED is in UTC to the microsecond, and SHARD is "whole" or
// "shard-I-of-N", I counting from 0. A shard that is tried again under the same
// run id adds files and replaces none, so the first before-images are kept.
//
// # What is found out
//
// Every journal line and record has a sum; a link for each attempt has the digests of
// both and the sum of the link before, and the head names the last link. Undo gives
// nothing that does not hold without saying so. Sums need no key: they find what was
// changed, unless whoever changed it computed every sum from there to the head anew.
//
// # What is durable, and when
//
//   - An object, when the call that wrote it returns: the folder's file system
//     has synced file and name, or S3 has answered.
//   - An intent, before reconcile.Journal.Intend returns, and therefore before
//     its write is sent. Intents that come together share one sync, or one
//     object.
//   - A result, with the next intent, after 200 ms, or with Close, whichever
//     comes first. A run that is killed may lose the last results, never an
//     intent.
//
// # What is never in it
//
// Credentials. No type here has a place for them, and the text of an error is
// kept only where it is AWS's answer to a request that was genuine.
package history
