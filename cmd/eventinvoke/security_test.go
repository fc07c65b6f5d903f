package main

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// planted are secrets that a run is given, each with a part that no encoding
// changes. Nothing that it says or keeps may hold one.
var planted = map[string]struct{ value, part string }{
	"AWS_ACCESS_KEY_ID":     {"AKIAPLANTEDKEY000001", "PLANTEDKEY"},
	"AWS_SECRET_ACCESS_KEY": {"plantedsecretaccesskey0123456789", "plantedsecret"},
	"AWS_SESSION_TOKEN":     {"IQoJplantedsessiontoken0123456789==", "plantedsession"},
	"external_id":           {"plantedexternalid", "plantedexternal"},
	"a signature":           {"", "Signature="},
	"the session of a role": {"", "simulated-session-"},
}

// echoes gives back all that it was sent, as AWS, proxies and debugging servers
// do, in answers of every kind.
func echoes(kind string, world http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kind == "no role" != strings.Contains(r.Header.Get("Authorization"), "/sts/") {
			world.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		said := fmt.Sprintf("Authorization=%s x-amz-security-token:%s %s %s",
			r.Header.Get("Authorization"), r.Header.Get("X-Amz-Security-Token"), body, planted["AWS_SECRET_ACCESS_KEY"].value)
		reply := func(status int, code, text string) {
			w.Header().Set("X-Amzn-Errortype", code)
			w.WriteHeader(status)
			io.WriteString(w, text)
		}
		switch kind {
		case "no role":
			reply(403, "", "<ErrorResponse><Error><Code>AccessDenied</Code><Message>"+strings.ReplaceAll(said, "&", "&amp;")+"</Message></Error></ErrorResponse>")
		case "signature":
			reply(403, "IncompleteSignatureException", fmt.Sprintf(`{"message":%q}`, said))
		case "page":
			reply(403, "", "<html>"+said+"</html>")
		case "invalid":
			reply(400, "InvalidParameterValueException", fmt.Sprintf(`{"message":%q}`, said))
		case "fault":
			reply(500, "ServiceException", fmt.Sprintf(`{"Message":%q}`, said))
		case "throttled":
			reply(429, "TooManyRequestsException", fmt.Sprintf(`{"message":%q}`, said))
		case "unreadable":
			reply(200, "", said)
		}
	})
}

const securityFleet = `version: 1
targets:
  - { name: home, account: "111111111111", regions: [eu-west-1] }
  - { name: away, account: "222222222222", regions: [eu-west-1], role_arn: "arn:aws:iam::222222222222:role/eventinvoke", external_id: plantedexternalid }
guard: { max_changes: 100% }
functions:
  - { name: orders, maximum_retry_attempts: 0 }
  - { name: billing, maximum_retry_attempts: 1 }
`

func TestNoSecretIsSaidOrKept(t *testing.T) {
	for _, kind := range []string{"none", "no role", "signature", "page", "invalid", "fault", "throttled", "unreadable"} {
		for _, args := range [][]string{
			{"audit", "-o", "text", "--full", "--log-format", "json"},
			{"plan", "-o", "json"},
			{"apply", "-o", "ndjson", "--yes"},
		} {
			t.Run(kind+"/"+args[0], func(t *testing.T) {
				functions := []awssim.Function{{Name: "orders"}, {Name: "billing"}}
				scenario := awssim.Fleet(account, region, functions...)
				scenario.Accounts = append(scenario.Accounts, awssim.Account{
					Account: "222222222222", Regions: map[string]awssim.Region{region: {Functions: functions}},
				})
				world := serve(t, scenario, nil)
				server := httptest.NewServer(world)
				if kind != "none" {
					server.Config.Handler = echoes(kind, world)
				}
				defer server.Close()
				kept := t.TempDir()
				t.Setenv("XDG_STATE_HOME", kept)
				t.Setenv("AWS_ENDPOINT_URL", server.URL)
				for name, secret := range planted {
					if strings.HasPrefix(name, "AWS_") {
						t.Setenv(name, secret.value)
					}
				}
				result := filepath.Join(kept, "result")
				fleet := write(t, securityFleet)
				// What fails for a while is tried again for as long as there is time, and a busy
				// machine may need more of it until anything is known that can be kept.
				var code int
				var stdout, stderr string
				for timeout := 250 * time.Millisecond; timeout < time.Minute; timeout *= 4 {
					code, stdout, stderr = eventinvoke(t.Context(), append(slices.Clone(args),
						"--log-level", "debug", "--quota", "500", "--timeout", timeout.String(), "--output-file", result, fleet)...)
					if _, err := os.Stat(result); err == nil && (kind != "none" || code == exitOK || code == exitDifferences) {
						break
					}
				}
				if (code == exitOK) != (kind == "none" && args[0] != "audit") {
					t.Errorf("exit code %d: the failures did not happen, and this test shows nothing\n%s", code, stderr)
				}
				hold := func(where, text string) {
					for name, secret := range planted {
						if strings.Contains(text, secret.part) {
							t.Errorf("%s is in %s:\n%s", name, where, text)
						}
					}
				}
				hold("standard output", stdout)
				hold("standard error", stderr)
				files := 0
				err := filepath.WalkDir(kept, func(path string, entry fs.DirEntry, err error) error {
					if err != nil || entry.IsDir() {
						return err
					}
					files++
					text, err := os.ReadFile(path)
					hold(path, string(text))
					return err
				})
				if err != nil || files == 0 {
					t.Errorf("%d files were kept: %v", files, err)
				}
			})
		}
	}
}

// Names of files, of targets and of what AWS says come from elsewhere. None of
// them may move the cursor, colour the screen or forge a line.
func TestATerminalIsNotSteeredFromOutside(t *testing.T) {
	const attack = "\x1b[2J\x1b]0;owned\a\u009b31m\u202e\rDone."
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Skipf("this file system takes no such name: %v", err)
		}
		return path
	}
	quoted := `"\e[2J\e]0;owned\a\x9b31m\u202e\rDone."`
	fleet := file("a\x1b[2Jb\u202e.yaml", "version: 1\nfunctions: [{name: orders, maximum_retry_attempts: 0}]\n")
	for _, row := range []struct {
		why  string
		args []string
	}{
		{"the path of a file that is there", []string{"validate", fleet}},
		{"the path of a file that is not", []string{"validate", filepath.Join(dir, attack)}},
		{"a key", []string{"validate", file("key.yaml", "version: 1\n"+quoted+": 1\n")}},
		{"a value", []string{"validate", file("value.yaml", "version: "+quoted+"\n")}},
		{"a label", []string{"validate", file("label.yaml", "version: 1\ntargets: [{name: "+quoted+", account: \"111111111111\", regions: [eu-west-1]}]\nfunctions: [{name: f, maximum_retry_attempts: 0}]\n")}},
		{"the name of a rule", []string{"plan", file("rule.yaml", "version: 1\nrules: [{name: "+quoted+", match: {functions: [\"*\"]}, set: {maximum_retry_attempts: 0}}]\n")}},
		{"what AWS says", []string{"plan", fleet}},
		{"what AWS says, with colours", []string{"audit", "--full", fleet}},
		{"a verb", []string{attack}},
		{"a flag", []string{"plan", "--output", attack}},
		{"a target", []string{"plan", "--target", attack, fleet}},
		{"a glob", []string{"plan", "--function", attack, fleet}},
		{"an output file", []string{"plan", "--output-file", filepath.Join(dir, attack, "x"), fleet}},
		{"a code", []string{"explain", attack}},
		{"a scenario", []string{"plan", "--simulate=" + filepath.Join(dir, attack), fleet}},
		{"a run", []string{"history", attack}},
		{"a place for runs", []string{"history", "--history", "s4://" + attack}},
	} {
		t.Run(row.why, func(t *testing.T) {
			world := serve(t, awssim.Fleet(account, region, awssim.Function{Name: "orders"}), nil)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.Header.Get("Authorization"), "/sts/") {
					world.ServeHTTP(w, r)
					return
				}
				w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprintf(w, `{"Message":"\u001b[2J\u001b]0;owned\u0007\u009b31m\u202e\rDone."}`)
			}))
			defer server.Close()
			t.Setenv("AWS_ENDPOINT_URL", server.URL)
			_, stdout, stderr := eventinvoke(t.Context(), row.args...)
			if stdout+stderr == "" {
				t.Error("nothing was said")
			}
			for _, said := range []string{stdout, stderr} {
				if i := strings.IndexFunc(said, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
					t.Errorf("%q is said", said[max(0, i-40):min(len(said), i+40)])
				}
			}
		})
	}
}
