// Package awslambda is the border to AWS: the only importer of the Lambda, STS
// and tagging SDKs, and where every client of AWS gets its configuration.
//
// In come function names and desired.Config values; out go reconcile.Record
// values, and errors as *reconcile.CallError marked with their
// ratelimit.Result. Above this package nobody meets an SDK type, a status code
// or the text of an AWS message.
//
// What holds:
//   - One call is one request. It takes one token from the limiter of its
//     account, region and quota class after the SDK's "Retry" step and before
//     signing, so that a request is never signed before its wait, and credentials
//     are never fetched before it. The SDK's own retries are off, whatever the
//     environment says.
//   - Once a token is granted, the request is sent and its answer awaited, for ten
//     seconds at most, even when the run is interrupted meanwhile.
//   - Every other request, to STS, SSO or the tagging API, and those that history
//     and queue make with LoadConfig, has a limit for an attempt and a last attempt.
//   - No error shows a password, a key or a token, whoever wrote its text.
//   - A Reader cannot write. Its client refuses every operation outside a list,
//     once in the SDK's stack and once more in front of the HTTP client. A
//     Writer's client knows the three writes and nothing else.
//   - A missing or null list is never taken for an empty one: it would read as
//     "this function has no records". An answer is read whole, within a bound, and
//     must be whole JSON before the SDK decodes it.
//   - An answer about another account, region, function or qualifier, or with
//     numbers that cannot be, is an error of that one call.
//
// Measured by BenchmarkCall (canned answers, no network): a call costs 1.09 to 1.12
// times the bare SDK call on a machine busy with other work, 5 of 52 microseconds and
// 14 of 310 allocations, for limiter, attempt clock, counters and checks.
//
// The package never prints, logs, retries a Lambda call or keeps global state.
package awslambda
