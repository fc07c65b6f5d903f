package s3files

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
)

// fakeS3 is as much of S3 as is read here: objects of one bucket called fleets.
type fakeS3 struct {
	mu      sync.Mutex
	objects map[string]string
	answer  func(*http.Request) *http.Response // in place of S3's own, when not nil
	gets    int
}

func (b *fakeS3) Do(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.answer != nil {
		if a := b.answer(r); a != nil {
			return a, nil
		}
	}
	if !strings.HasPrefix(r.URL.Host, "fleets.") {
		return reply(404, `<Error><Code>NoSuchBucket</Code><Message>The bucket does not exist</Message></Error>`), nil
	}
	if r.URL.Query().Get("list-type") == "2" {
		var list strings.Builder
		for _, key := range slices.Sorted(maps.Keys(b.objects)) {
			if strings.HasPrefix(key, r.URL.Query().Get("prefix")) {
				fmt.Fprintf(&list, `<Contents><Key>%s</Key><ETag>%s</ETag></Contents>`, key, tag(b.objects[key]))
			}
		}
		return reply(200, `<ListBucketResult><IsTruncated>false</IsTruncated>`+list.String()+`</ListBucketResult>`), nil
	}
	key := strings.TrimPrefix(r.URL.Path, "/")
	if v := r.URL.Query().Get("versionId"); v != "" {
		key += "@" + v
	}
	text, ok := b.objects[key]
	if !ok {
		return reply(404, `<Error><Code>NoSuchKey</Code><Message>The key does not exist</Message></Error>`), nil
	}
	a := reply(200, text)
	a.Header.Set("ETag", tag(text))
	if r.Method == http.MethodHead {
		a.Body = http.NoBody
	} else {
		b.gets++
	}
	return a, nil
}

func tag(text string) string { return fmt.Sprintf(`"%x"`, md5.Sum([]byte(text))) }

func reply(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/xml"}}, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}
}

func (b *fakeS3) of(t *testing.T, paths ...string) *Source {
	t.Helper()
	s, err := Of(t.Context(), awslambda.Environment{Region: "eu-west-1", Credentials: awslambda.StaticCredentials("AKIAIOSFODNN7EXAMPLE"), HTTPClient: b}, paths...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const fleet = "version: 1\nfunctions: [{ name: f, maximum_retry_attempts: 0 }]\n"

// TestRead hands what is in S3 to the loader, and shows how problems call it.
func TestRead(t *testing.T) {
	b := &fakeS3{objects: map[string]string{
		"fleet.yaml": fleet, "fleet.yaml@v1": "version: 2\n", "team/a.yaml": fleet, "team/deep/b.yml": strings.ReplaceAll(fleet, "f,", "g,"), "team/notes.txt": "x",
		"team/.hidden.yaml": "x", "team/.d/x.yaml": "x", "typo.yaml": "version: 1\nfunctions:\n  - { nam: f }\n",
	}}
	for _, tt := range []struct {
		why   string
		paths []string
		names []string
		err   string
	}{
		{"an object", []string{"s3://fleets/fleet.yaml"}, []string{"s3://fleets/fleet.yaml"}, ""},
		{"a prefix is every YAML object below it that is not hidden", []string{"s3://fleets/team/"}, []string{"s3://fleets/team/a.yaml", "s3://fleets/team/deep/b.yml"}, ""},
		{"the slash may be left out where there is no such object", []string{"s3://fleets/team"}, []string{"s3://fleets/team/a.yaml", "s3://fleets/team/deep/b.yml"}, ""},
		{"a problem says where", []string{"s3://fleets/typo.yaml"}, nil, "s3://fleets/typo.yaml:3:7: "},
		{"an old version", []string{"s3://fleets/fleet.yaml?versionId=v1"}, nil, "s3://fleets/fleet.yaml:1:10: "},
		{"no such object", []string{"s3://fleets/flet.yaml"}, nil, "no such object, and no .yaml or .yml object below s3://fleets/flet.yaml/; check the name"},
		{"no such version", []string{"s3://fleets/fleet.yaml?versionId=v9"}, nil, "check the name"},
		{"an empty prefix", []string{"s3://fleets/other/"}, nil, "no .yaml or .yml object is there"},
		{"no such bucket", []string{"s3://fleet/x.yaml"}, nil, "there is no such bucket; make it, or check its name"},
	} {
		names, files, err := b.of(t, tt.paths...).Read(t.Context())
		if err == nil {
			var d *desired.Document
			if d, err = (desired.Loader{Remote: files}).LoadFiles(names...); err == nil && d.Files()[0].Path != names[0] {
				t.Errorf("%s: the file is called %s", tt.why, d.Files()[0].Path)
			}
		}
		if tt.err == "" && (err != nil || !slices.Equal(names, tt.names)) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: %q, %v, want %q and %q", tt.why, names, err, tt.names, tt.err)
		}
	}
}

func TestLocations(t *testing.T) {
	for text, want := range map[string]string{
		"s3://UPPER/x": "not the name of a bucket", "s3://fleets/*.yaml": "patterns", "s3://fleets//x": "empty parts",
		"s3://fleets/x?version=1": "only ?versionId=ID", "s3://fleets/x/?versionId=1": "only ?versionId=ID",
	} {
		if _, err := Of(t.Context(), awslambda.Environment{}, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestWhatDidNotChangeIsNotSentAgain(t *testing.T) {
	b := &fakeS3{objects: map[string]string{"team/a.yaml": fleet, "team/b.yaml": fleet}}
	s := b.of(t, "s3://fleets/team/")
	for _, want := range []int{2, 2, 3} {
		if want == 3 {
			b.objects["team/b.yaml"] = fleet + "# changed\n"
			if changed, err := s.Changed(t.Context()); !changed || err != nil {
				t.Error("a change was not seen", err)
			}
		}
		if _, _, err := s.Read(t.Context()); err != nil || b.gets != want {
			t.Errorf("%d objects were sent, want %d (%v)", b.gets, want, err)
		}
		if changed, err := s.Changed(t.Context()); changed || err != nil {
			t.Error("what was just read counts as changed", err)
		}
	}
}

// TestWhatCannotBeRead: every end is told, in bounded time, with what helps.
func TestWhatCannotBeRead(t *testing.T) {
	denied := reply(403, "")
	for _, tt := range []struct {
		why    string
		answer func(*http.Request) *http.Response
		err    string
	}{
		{"it is forbidden", func(*http.Request) *http.Response { return denied }, "allow s3:GetObject on it; without s3:ListBucket on fleets"},
		{"another region", func(*http.Request) *http.Response { return reply(301, "") }, "set AWS_REGION to the bucket's region"},
		{"S3 is out of order", func(*http.Request) *http.Response { return reply(503, "") }, "s3://fleets/fleet.yaml cannot be read"},
		{"a body that always breaks off", func(r *http.Request) *http.Response {
			a := reply(200, "")
			a.Header.Set("ETag", `"x"`)
			if a.ContentLength = 100; r.Method == http.MethodGet {
				a.Body = io.NopCloser(io.MultiReader(strings.NewReader("version"), broken{}))
			}
			return a
		}, "s3://fleets/fleet.yaml cannot be read"},
		{"it is too large", func(r *http.Request) *http.Response {
			a := reply(200, "")
			if a.ContentLength = 1 << 40; r.Method == http.MethodGet {
				a.Body = io.NopCloser(endless{})
			}
			return a
		}, "more than 16777216 bytes"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b, began := &fakeS3{answer: tt.answer}, time.Now()
			_, _, err := b.of(t, "s3://fleets/fleet.yaml").Read(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.err) || time.Since(began) > maxTime {
				t.Errorf("%s: %v after %s, want %q", tt.why, err, time.Since(began), tt.err)
			}
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestWatch: one call for each change, none for what was read meanwhile, and a bucket
// that does not answer is a problem until it does.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fakeS3{objects: map[string]string{"fleet.yaml": fleet}}
		s := b.of(t, "s3://fleets/fleet.yaml")
		if _, _, err := s.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		changes, problem := 0, error(nil)
		over := make(chan struct{})
		go func() {
			s.Watch(ctx, PollEvery, func() { changes++ }, func(err error) { problem = err })
			close(over)
		}()
		step := func(why string, change func(), want int, broken bool) {
			t.Helper()
			b.mu.Lock()
			change()
			b.mu.Unlock()
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			if changes != want || (problem != nil) != broken {
				t.Errorf("%s: %d changes were told, want %d; problem %v", why, changes, want, problem)
			}
		}
		step("nothing", func() {}, 0, false)
		step("a change", func() { b.objects["fleet.yaml"] += "# 1\n" }, 1, false)
		step("it is gone", func() { delete(b.objects, "fleet.yaml") }, 1, true)
		step("it is back as it was told of", func() { b.objects["fleet.yaml"] = fleet + "# 1\n" }, 1, false)
		step("another change", func() { b.objects["fleet.yaml"] += "# 2\n" }, 2, false)
		if _, _, err := s.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		step("a sweep has read it", func() {}, 2, false)
		cancel()
		<-over
	})
}
