// Package ratelimit decides when to call, and when to call again, against a
// quota that is shared with others.
//
// Calls come in as attempts that ask for a token ([Limiter.Acquire]), and as
// jobs whose calls are repeated until they are settled ([Run]). Grants and
// settled errors go out. The package knows nothing of AWS: whoever makes a call
// classifies what came of it ([Mark], [Outcome]).
package ratelimit
