package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Store keeps small objects under slash-separated names. It is all that the
// history asks of the outside world, and every implementation passes the same
// contract suite.
//
// When a method returns nil, what it stored or removed survives a crash of the
// machine it was called on. Writes of one name are atomic: a reader sees the
// old bytes or the new, never a part.
//
// A repeated write is success: Write finds out whether the bytes that are in its
// way are the very ones it was to store. An answer may get lost after the write was
// done, and the caller must be able to try again. So writers that race for a name
// put something of their own into the bytes.
type Store interface {
	// Write stores data while the object is the one that tag names, or fails with
	// ErrChanged: it is another one now, or gone. The tag "" is that of nothing, and
	// what is there is then ErrExists.
	Write(ctx context.Context, name string, data []byte, tag Tag) (Tag, error)
	// Delete removes the object while it is the one that tag names, or fails
	// with ErrChanged. An object that is already gone is success.
	Delete(ctx context.Context, name string, tag Tag) error
	// Read returns an object, or fails with ErrAbsent.
	Read(ctx context.Context, name string) ([]byte, Tag, error)
	// List returns the names of the objects and logs below a folder, sorted by
	// their bytes. The folder is "" or ends in a slash.
	List(ctx context.Context, folder string) ([]string, error)

	// Folders returns the names of the folders right below a folder, sorted.
	Folders(ctx context.Context, folder string) ([]string, error)

	// Append adds data to a log at an offset in bytes, which is where the log
	// ends, or fails with ErrChanged: somebody else wrote there. A failed
	// Append may be repeated with the same arguments. A log is no object: Read
	// may not find it.
	Append(ctx context.Context, name string, offset int64, data []byte) error
	// ReadLog returns all that was appended, and perhaps the beginning of an
	// Append that failed. It fails with ErrAbsent. Where a part in the middle is
	// missing it returns what is before it, with an error.
	ReadLog(ctx context.Context, name string) ([]byte, error)
	// DeleteLog removes a log, its end first. One that is already gone is success.
	DeleteLog(ctx context.Context, name string) error

	// String is where the objects are, as a person would give it to --history.
	String() string
}

// Tag names the bytes of an object. It is opaque, no two writes that differ share
// one, and "" is that of no object.
type Tag string

// The conditions of a Store. Its errors wrap them. Whoever minds only that somebody
// else was faster asks for ErrChanged: an ErrExists is one as well.
var (
	ErrExists  error = existsError{}
	ErrChanged       = errors.New("it was changed by somebody else")
	ErrAbsent        = errors.New("there is no such object")
)

type existsError struct{}

func (existsError) Error() string        { return "it exists already" }
func (existsError) Is(target error) bool { return target == ErrChanged }

// writeOp is what a Write with a tag is called in errors.
func writeOp(tag Tag) string {
	if tag == "" {
		return "create"
	}
	return "replace"
}

// StoreError is a store that did not do what was asked.
type StoreError struct {
	Op   string // what was tried: "create"
	Name string // of what: the full path or URL
	Err  error
	Hint string // what to do about it; "" where nothing is wrong with the store
}

// Error is "create /var/lib/eventinvoke/leases/x.json: permission denied; HINT".
func (e *StoreError) Error() string {
	s := fmt.Sprintf("history: %s %s: %v", e.Op, e.Name, e.Err)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap gives the cause.
func (e *StoreError) Unwrap() error { return e.Err }

// locate is where an object is, for a person.
func locate(s Store, name string) string { return strings.TrimSuffix(s.String(), "/") + "/" + name }

// checkName refuses names that would leave the store, or that it would hide.
func checkName(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.HasPrefix(name, ".") || strings.Contains(name, "/.") || strings.ContainsAny(name, "\\\x00") {
		return fmt.Errorf("history: %q cannot be the name of an object: use parts of letters and digits between slashes", name)
	}
	return nil
}

// Discard is the store of a run that is to leave nothing behind. Every write
// succeeds and nothing is ever found: leases are granted to everybody, and a
// run cannot be rolled back.
func Discard() Store { return discard{} }

type discard struct{}

func (discard) Write(_ context.Context, _ string, data []byte, _ Tag) (Tag, error) {
	return contentTag(data), nil
}

func (discard) Delete(context.Context, string, Tag) error { return nil }

func (discard) Read(context.Context, string) ([]byte, Tag, error) { return nil, "", ErrAbsent }

func (discard) List(context.Context, string) ([]string, error) { return nil, nil }

func (discard) Folders(context.Context, string) ([]string, error) { return nil, nil }

func (discard) Append(context.Context, string, int64, []byte) error { return nil }

func (discard) ReadLog(context.Context, string) ([]byte, error) { return nil, ErrAbsent }

func (discard) DeleteLog(context.Context, string) error { return nil }

func (discard) String() string { return disabled }

// contentTag names bytes by themselves.
func contentTag(data []byte) Tag {
	sum := sha256.Sum256(data)
	return Tag(hex.EncodeToString(sum[:]))
}
