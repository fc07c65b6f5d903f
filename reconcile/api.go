package reconcile

import (
	"context"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Page is one answer of a paged listing.
type Page[T any] struct {
	Items []T
	Next  string // marker of the following page; "" on the last
}

// Reader reads one target. Each call is one request: it spends one token and is
// not repeated inside, so that retries are decided, paced and counted in one
// place. An error is a *CallError marked with its ratelimit.Result.
type Reader interface {
	// ListConfigs reads the records of all qualifiers of a function. It is the
	// only read that tells a missing function (KindFunctionMissing) from one
	// without records (an empty page).
	ListConfigs(ctx context.Context, function, marker string) (Page[Record], error)
	// ListAliases reads the names of a function's aliases.
	ListAliases(ctx context.Context, function, marker string) (Page[string], error)
	// ListVersions reads a function's published version numbers.
	ListVersions(ctx context.Context, function, marker string) (Page[string], error)
}

// Writer changes one target, one request a call. Put and Update answer with the
// record as AWS stored it.
type Writer interface {
	// Put creates a record. Over an existing one it would erase every setting
	// that c leaves unset, so it is only called where none was seen.
	Put(ctx context.Context, name desired.Name, c desired.Config) (Record, error)
	// Update changes the settings that c sets and leaves the others alone.
	Update(ctx context.Context, name desired.Name, c desired.Config) (Record, error)
	// Delete removes a record. A record that is already gone is no error.
	Delete(ctx context.Context, name desired.Name) error
}
