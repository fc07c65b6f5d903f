// Package s3files reads fleet files from S3.
//
// In come locations: s3://bucket/key, s3://bucket/prefix/ for every .yaml and .yml
// object below it, and ?versionId=ID behind an object for one version of it. Out come
// the files as an [fs.FS] for the loader of the fleet, which knows no network.
//
// What holds: a read is bounded in bytes, objects and time; each request has a last
// attempt; an object whose ETag is known is not sent again. An error names the
// location, what S3 answered and what helps. Nothing is ever written.
package s3files

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/bucket"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
)

// Scheme is how a location begins.
const Scheme = "s3://"

// Is reports whether a path names a place in S3.
func Is(path string) bool { return strings.HasPrefix(path, Scheme) }

// The bounds of a read. An object may be as large as the loader takes a file; all
// together take what a thousand accounts with a file each may have.
const (
	maxObject  = 16 << 20
	maxBytes   = 128 << 20
	maxObjects = 2000
	maxTime    = 2 * time.Minute
)

// Source is some locations, and what was last read there. It is safe for concurrent use.
type Source struct {
	client    *s3.Client
	locations []location

	mu    sync.Mutex
	known map[string]object // by name
	seen  string            // what was read last, as state has it
}

// location is one that was asked for.
type location struct{ bucket, key, version string }

func (l location) String() string { return Scheme + l.bucket + "/" + l.key }

// object is one that was read.
type object struct {
	etag string
	data []byte
}

// Of makes a source of the paths that name places in S3. It makes no request.
func Of(ctx context.Context, e awslambda.Environment, paths ...string) (*Source, error) {
	s := &Source{known: map[string]object{}}
	for _, p := range paths {
		l, err := parse(p)
		if err != nil {
			return nil, err
		}
		s.locations = append(s.locations, l)
	}
	client, err := bucket.Client(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.locations[0], err)
	}
	s.client = client
	return s, nil
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func parse(text string) (location, error) {
	rest, query, versioned := strings.Cut(strings.TrimPrefix(text, Scheme), "?")
	bucket, key, _ := strings.Cut(rest, "/")
	l := location{bucket: bucket, key: key}
	shown := awslambda.RedactURL(text)
	if !bucketName.MatchString(bucket) {
		return l, fmt.Errorf("%q: %q is not the name of a bucket; write s3://bucket/fleet.yaml", shown, awslambda.RedactURL(bucket))
	}
	if strings.ContainsAny(key, "*?[{") || strings.HasPrefix(key, "/") || strings.Contains(key, "//") {
		return l, fmt.Errorf("%q: patterns and empty parts are not understood in S3; name an object, or a prefix that ends in / for all .yaml objects below it", shown)
	}
	if versioned {
		values, err := url.ParseQuery(query)
		l.version = values.Get("versionId")
		if err != nil || l.version == "" || len(values) != 1 || l.whole() {
			return l, fmt.Errorf("%q: behind an object only ?versionId=ID is understood", shown)
		}
	}
	return l, nil
}

// whole reports whether a location is a prefix for certain.
func (l location) whole() bool { return l.key == "" || strings.HasSuffix(l.key, "/") }

// Objects are the places whose events concern the fleet: objects, and prefixes, which
// end in a slash.
func (s *Source) Objects() []string {
	var all []string
	for _, l := range s.locations {
		if all = append(all, l.String()); !l.whole() {
			all = append(all, l.String()+"/")
		}
	}
	return all
}

// Read gives the names of the files, sorted, and their contents.
func (s *Source) Read(ctx context.Context) ([]string, fs.FS, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, maxTime, fmt.Errorf("it took longer than %s", maxTime))
	defer cancel()
	found, err := s.find(ctx)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	files := fleetfile.Files{}
	total := 0
	for _, f := range found {
		o := s.known[f.String()]
		if f.etag == "" || f.etag != o.etag {
			if o, err = s.get(ctx, f.location); err != nil {
				return nil, nil, err
			}
			s.known[f.String()] = o
		}
		if total += len(o.data); total > maxBytes {
			return nil, nil, fmt.Errorf("%s and others: the fleet files have more than %d MiB together; give each process a part of them", f, maxBytes>>20)
		}
		files[f.String()] = o.data
	}
	s.seen = state(found)
	return slices.Sorted(maps.Keys(files)), files, nil
}

// Changed reports whether other files are there than were last read.
func (s *Source) Changed(ctx context.Context) (bool, error) {
	now, err := s.state(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	return err == nil && now != s.seen, err
}

// PollEvery is a pause between two looks: a request for each location costs nothing to
// speak of.
const PollEvery = time.Minute

// Watch looks at S3 again and again until ctx ends. It calls changed once for each
// state that differs from what was read, and tells problem how each look ended.
func (s *Source) Watch(ctx context.Context, every time.Duration, changed func(), problem func(error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, err := s.state(ctx)
		if ctx.Err() != nil {
			return
		}
		problem(err)
		s.mu.Lock()
		news := err == nil && now != s.seen && now != told
		s.mu.Unlock()
		if news {
			told = now
			changed()
		}
	}
}

// state tells which files would be read now: it changes with them.
func (s *Source) state(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, maxTime, fmt.Errorf("it took longer than %s", maxTime))
	defer cancel()
	found, err := s.find(ctx)
	return state(found), err
}

func state(all []found) string {
	var text strings.Builder
	for _, f := range all {
		fmt.Fprintln(&text, f, f.version, f.etag)
	}
	return text.String()
}

// found is an object that is there.
type found struct {
	location
	etag string
}

// find lists the objects of all locations: one request for each, and for each
// thousand objects below a prefix.
func (s *Source) find(ctx context.Context) ([]found, error) {
	var all []found
	for _, l := range s.locations {
		if !l.whole() {
			in := &s3.HeadObjectInput{Bucket: &l.bucket, Key: &l.key}
			if l.version != "" {
				in.VersionId = &l.version
			}
			out, err := s.client.HeadObject(ctx, in)
			if err == nil {
				all = append(all, found{l, aws.ToString(out.ETag)})
				continue
			}
			if bucket.Status(err) != http.StatusNotFound || l.version != "" {
				return nil, failed(ctx, l, "s3:GetObject", err)
			}
		}
		below, err := s.below(ctx, l)
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	if len(all) > maxObjects {
		return nil, fmt.Errorf("%s and others: more than %d fleet files; name a smaller prefix", all[0], maxObjects)
	}
	return all, nil
}

// below lists the YAML objects of a prefix, hidden ones left out, as the loader does
// with a folder.
func (s *Source) below(ctx context.Context, l location) ([]found, error) {
	prefix := l.key
	if !l.whole() {
		prefix += "/"
	}
	var all []found
	for o, err := range bucket.List(ctx, s.client, l.bucket, prefix) {
		if err != nil {
			return nil, failed(ctx, l, "s3:ListBucket", err)
		}
		inner := strings.Split(strings.TrimPrefix(o.Key, prefix), "/")
		hidden := slices.ContainsFunc(inner, func(part string) bool { return part == "" || strings.HasPrefix(part, ".") })
		if ext := path.Ext(o.Key); !hidden && (ext == ".yaml" || ext == ".yml") {
			all = append(all, found{location{bucket: l.bucket, key: o.Key}, o.ETag})
		}
		if len(all) > maxObjects {
			break
		}
	}
	if len(all) == 0 && l.whole() {
		return nil, fmt.Errorf("%s: no .yaml or .yml object is there; check the prefix", l)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no such object, and no .yaml or .yml object below %s/; check the name", l, l)
	}
	return all, nil
}

// get reads one object whole.
func (s *Source) get(ctx context.Context, l location) (object, error) {
	in := &s3.GetObjectInput{Bucket: &l.bucket, Key: &l.key}
	if l.version != "" {
		in.VersionId = &l.version
	}
	data, etag, err := bucket.Get(ctx, s.client, in, maxObject)
	switch {
	case err != nil:
		return object{}, failed(ctx, l, "s3:GetObject", err)
	case len(data) > maxObject:
		return object{}, fmt.Errorf("%s: the object has more than %d bytes; split it into several", l, maxObject)
	}
	return object{etag, data}, nil
}

// failed says what S3 answered and what helps.
func failed(ctx context.Context, l location, action string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s cannot be read: %w", l, cause)
	}
	call := bucket.ErrorOf(err, fmt.Sprintf("allow %s on it; without s3:ListBucket on %s, S3 says the same of an object that is not there", action, l.bucket))
	return fmt.Errorf("%s cannot be read: %s; %s", l, call.Reason(), call.Hint)
}
