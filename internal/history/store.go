package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/bucket"
	"github.com/eventinvoke/eventinvoke/internal/shard"
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
func contentTag(data []byte) Tag { return Tag(digestOf(data)) }

// disabled is the location that switches the history off.
const disabled = "none"

// bucketWord is what S3 allows as the name of a bucket.
var bucketWord = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// bucketLike is what was meant to be s3://bucket/prefix. A folder s3: in the
// working directory would be a history that nobody else finds.
var bucketLike = regexp.MustCompile(`(?i)^s3(:|//)`)

// urlLike is what was meant to be some URL. It may hold a password, and a folder
// of that name would spell it out in every command that names the history. A
// drive, such as C:, has one letter.
var urlLike = regexp.MustCompile(`(?i)^[a-z][a-z0-9+.-]+:[/\\]|^https?//|^[^/]*:[^/]*@`)

// OpenStore makes the store of a location as --history spells it: a folder,
// s3://bucket/prefix, or "none"; "" is the default folder. It writes nothing:
// whether the store can be written shows with the first Begin.
//
// For S3 it reads the environment as every program on the SDK does:
// AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL_S3, SSO, roles.
func OpenStore(ctx context.Context, location string) (Store, error) {
	if location == "" {
		var err error
		if location, err = defaultLocation(); err != nil {
			return nil, err
		}
	}
	shown := awslambda.RedactURL(location)
	switch {
	case location == disabled:
		return Discard(), nil
	case strings.HasPrefix(location, "s3://"):
		name, prefix, err := BucketOf(location)
		if err != nil {
			return nil, err
		}
		client, err := bucket.Client(ctx, awslambda.Environment{})
		if err != nil {
			return nil, fmt.Errorf("history %q: %w", shown, err)
		}
		return S3(client, name, prefix), nil
	case bucketLike.MatchString(location):
		rest := strings.TrimLeft(location[strings.IndexAny(location, ":/"):], ":/")
		return nil, fmt.Errorf("history %q: a bucket is written s3://%s; a folder of that name is ./%s", shown, awslambda.RedactURL(rest), shown)
	case strings.EqualFold(location, disabled):
		return nil, fmt.Errorf("history %q: to keep no history write none; a folder of that name is ./%s", location, location)
	case strings.Contains(location, "://") || urlLike.MatchString(location):
		return nil, fmt.Errorf("history %q: this kind of location is not known; write a folder, s3://bucket/prefix, or none", shown)
	}
	folder, err := filepath.Abs(location)
	if err != nil {
		return nil, fmt.Errorf("history %q: %w", shown, err)
	}
	if info, err := os.Stat(folder); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("history %q: it is a file; name a folder, s3://bucket/prefix, or none", shown)
	}
	return Dir(folder)
}

// BucketOf takes s3://bucket/prefix apart. The prefix has no slash at its ends,
// and may be empty.
func BucketOf(location string) (bucket, prefix string, err error) {
	bucket, prefix, _ = strings.Cut(strings.TrimPrefix(location, "s3://"), "/")
	prefix = strings.Trim(prefix, "/")
	if !bucketWord.MatchString(bucket) {
		return "", "", fmt.Errorf("history %q: %q is not the name of a bucket; write s3://bucket/prefix", awslambda.RedactURL(location), awslambda.RedactURL(bucket))
	}
	if prefix != "" && checkName(prefix) != nil {
		return "", "", fmt.Errorf("history %q: %q cannot be a prefix; write s3://bucket/prefix, without empty parts and dots in front", awslambda.RedactURL(location), awslambda.RedactURL(prefix))
	}
	return bucket, prefix, nil
}

// defaultLocation is $XDG_STATE_HOME/eventinvoke, or ~/.local/state/eventinvoke
// where the variable is unset or relative, which the XDG base directory
// specification says to ignore.
func defaultLocation() (string, error) {
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "eventinvoke"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("history: no place for it is known (%w); set HOME or XDG_STATE_HOME, or give --history DIR, s3://bucket/prefix or none", err)
	}
	return filepath.Join(home, ".local", "state", "eventinvoke"), nil
}

// The folders of a store. docs/history.md describes them: they are a contract.
const (
	runsFolder     = "runs/"
	journalsFolder = "journals/"
	aliveFolder    = "alive/"
	leasesFolder   = "leases/"
	chainFolder    = "chain/"
	paceFolder     = "pace/"
)

// runWord is what a run's id may be: it becomes a part of file names and keys.
var runWord = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$`)

// newest is what Load takes for the run that began last.
const newest = "latest"

func checkRun(run string) error {
	if !runWord.MatchString(run) || run == newest {
		return fmt.Errorf("history: %q cannot be the id of a run; use at most 128 letters, digits, dots, hyphens and underscores, and not the word %q", run, newest)
	}
	return nil
}

// attempt is one process's work on a run: the run as a whole, or a shard of it. A
// shard that was tried again is another attempt, because it began at another time,
// and the journal of the first one is kept.
type attempt struct {
	run     string
	started time.Time
	shard   shard.Shard
}

// attemptTime sorts by its bytes. Microseconds tell apart two attempts.
const attemptTime = "20060102T150405.000000Z"

func (a attempt) stem() string {
	return a.run + "/" + a.started.UTC().Format(attemptTime) + "-" + a.shard.Name()
}
func (a attempt) record() string  { return runsFolder + a.stem() + ".json" }
func (a attempt) journal() string { return journalsFolder + a.stem() + ".jsonl" }
func (a attempt) alive() string   { return aliveFolder + a.stem() + ".json" }

func leaseName(t desired.Target) string { return leasesFolder + t.Account + "/" + t.Region + ".json" }
func paceName(t desired.Target) string  { return paceFolder + t.Account + "/" + t.Region + ".json" }

// parseAttempt takes apart the name of a record or a journal.
func parseAttempt(name, folder, suffix string) (attempt, bool) {
	stem, in := strings.CutPrefix(name, folder)
	stem, is := strings.CutSuffix(stem, suffix)
	run, rest, two := strings.Cut(stem, "/")
	if !in || !is || !two {
		return attempt{}, false
	}
	when, part, _ := strings.Cut(rest, "-")
	started, err := time.Parse(attemptTime, when)
	if err != nil || checkRun(run) != nil {
		return attempt{}, false
	}
	a := attempt{run: run, started: started}
	if index, count, sharded := strings.Cut(strings.TrimPrefix(part, "shard-"), "-of-"); sharded {
		var wrongIndex, wrongCount error
		a.shard.Index, wrongIndex = strconv.Atoi(index)
		a.shard.Count, wrongCount = strconv.Atoi(count)
		if wrongIndex != nil || wrongCount != nil {
			return attempt{}, false
		}
	}
	return a, a.shard.Name() == part
}
