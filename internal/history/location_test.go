package history

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/var/state")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rows := []struct{ why, location, want, err string }{
		{"a folder", "/srv/history", "/srv/history", ""},
		{"the default", "", "/var/state/eventinvoke", ""},
		{"switched off", "none", "none", ""},
		{"a bucket and a prefix", "s3://my-bucket/a/b", "s3://my-bucket/a/b", ""},
		{"a slash at the end says nothing", "s3://my-bucket/a/", "s3://my-bucket/a", ""},
		{"a bucket alone", "s3://my-bucket", "s3://my-bucket", ""},
		{"no bucket", "s3:///a", "", `"" is not the name of a bucket; write s3://bucket/prefix`},
		{"what no bucket is called", "s3://My_Bucket/a", "", `"My_Bucket" is not the name of a bucket`},
		{"a prefix with an empty part", "s3://my-bucket/a//b", "", `"a//b" cannot be a prefix`},
		{"a bucket with one slash, which would be a folder s3:", "s3:/my-bucket/a", "", `a bucket is written s3://my-bucket/a; a folder of that name is ./s3:/my-bucket/a`},
		{"a bucket without slashes", "s3:my-bucket/a", "", "a bucket is written s3://my-bucket/a"},
		{"a bucket without a colon", "s3//my-bucket/a", "", "a bucket is written s3://my-bucket/a"},
		{"a bucket in capitals", "S3://my-bucket/a", "", "a bucket is written s3://my-bucket/a"},
		{"a folder whose name begins like a bucket", "./s3:/x", "", ""},
		{"off, in capitals", "None", "", "to keep no history write none; a folder of that name is ./None"},
		{"another kind", "gs://my-bucket", "", "this kind of location is not known; write a folder, s3://bucket/prefix, or none"},
		{"a URL with one slash, which would be a folder http:", "http:/host/x", "", "this kind of location is not known"},
		{"a URL without a colon", "http//me:hunter2@host", "", "this kind of location is not known"},
		{"a URL with backslashes", `http:\\me:hunter2@host:1`, "", "this kind of location is not known"},
		{"a password before a host, which every command that names the folder would spell out", "me:hunter2@127.0.0.1:1", "", "this kind of location is not known"},
		{"a folder with such a name, meant so", "./me:x@y", "", ""},
		{"a file", file, "", "it is a file; name a folder"},
	}
	for _, row := range rows {
		h, err := Open(t.Context(), row.location)
		switch {
		case row.err == "" && (err != nil || row.want != "" && h.String() != row.want):
			t.Errorf("%s: %v, %v, want %s", row.why, h, err, row.want)
		case row.err != "" && (err == nil || !strings.Contains(err.Error(), row.err)):
			t.Errorf("%s: %v, want %q", row.why, err, row.err)
		}
	}
}

func TestDefaultLocation(t *testing.T) {
	rows := []struct{ why, state, home, want, err string }{
		{"XDG_STATE_HOME counts", "/state", "/home/me", "/state/eventinvoke", ""},
		{"unset: the home folder", "", "/home/me", "/home/me/.local/state/eventinvoke", ""},
		{"relative: ignored", "state", "/home/me", "/home/me/.local/state/eventinvoke", ""},
		{"neither", "", "", "", "set HOME or XDG_STATE_HOME, or give --history"},
	}
	for _, row := range rows {
		t.Setenv("XDG_STATE_HOME", row.state)
		t.Setenv("HOME", row.home)
		got, err := defaultLocation()
		if got != row.want || row.err == "" && err != nil || row.err != "" && (err == nil || !strings.Contains(err.Error(), row.err)) {
			t.Errorf("%s: %q, %v, want %q, %q", row.why, got, err, row.want, row.err)
		}
	}
}

// TestDiscardGrantsAndForgets holds the history that is switched off against
// what a run needs of one.
func TestDiscardGrantsAndForgets(t *testing.T) {
	h := New(Discard())
	run, err := h.Begin(t.Context(), testRecord("r"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := acquire(t.Context(), run.history.store, leaseName(testTarget), testTarget.String(), owner(run.attempt.run), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Journal().Intend(t.Context(), testKey(1), create(testKey(1), retries(0))); err != nil {
		t.Error(err)
	}
	run.Journal().Settle(testKey(1), applied(create(testKey(1), retries(0)), new(holding(0))))
	if err := l.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if err := run.Finish(t.Context(), testRecord("r")); err != nil {
		t.Error(err)
	}
	if _, err := h.Traces(t.Context(), "r"); err == nil || !strings.Contains(err.Error(), "no run is recorded") {
		t.Errorf("Traces: %v", err)
	}
}
