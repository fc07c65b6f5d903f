package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
)

// Discard is the store of a run that is to leave nothing behind. Every write
// succeeds and nothing is ever found: leases are granted to everybody, and a
// run cannot be rolled back.
func Discard() Store { return discard{} }

type discard struct{}

func (discard) Create(_ context.Context, _ string, data []byte) (Tag, error) {
	return contentTag(data), nil
}

func (discard) Replace(_ context.Context, _ string, data []byte, _ Tag) (Tag, error) {
	return contentTag(data), nil
}

func (discard) Delete(context.Context, string, Tag) error { return nil }

func (discard) Read(_ context.Context, name string) ([]byte, Tag, error) {
	return nil, "", &StoreError{Op: "read", Name: name, Err: ErrAbsent, Hint: "the history is switched off (none)"}
}

func (discard) List(context.Context, string) ([]string, error) { return nil, nil }

func (discard) Append(context.Context, string, int64, []byte) error { return nil }

func (discard) ReadLog(_ context.Context, name string) ([]byte, error) {
	return nil, &StoreError{Op: "read", Name: name, Err: ErrAbsent, Hint: "the history is switched off (none)"}
}

func (discard) String() string { return nowhere }

// contentTag names bytes by themselves.
func contentTag(data []byte) Tag {
	sum := sha256.Sum256(data)
	return Tag(hex.EncodeToString(sum[:]))
}
