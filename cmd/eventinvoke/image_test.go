package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// TestTheImage: the last stage of the Dockerfile can run each verb as nobody, on
// a read-only file system, without a shell.
func TestTheImage(t *testing.T) {
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, stage, ok := strings.Cut(string(text), "\nFROM scratch\n")
	if !ok {
		t.Fatal("the last stage is not from scratch")
	}
	find := func(pattern string) []string {
		t.Helper()
		m := regexp.MustCompile(`(?m)^` + pattern + `$`).FindStringSubmatch(stage)
		if m == nil {
			t.Fatalf("the last stage has no line %s", pattern)
		}
		return m[1:]
	}
	words := func(array string) (words []string) {
		t.Helper()
		if err := json.Unmarshal([]byte(array), &words); err != nil {
			t.Fatalf("%s needs a shell, and there is none: %v", array, err)
		}
		return words
	}
	user := find(`USER (\d+:\d+)`)[0]
	home := find(`ENV XDG_STATE_HOME=(/\w+)`)[0]
	if strings.HasPrefix(user, "0:") {
		t.Error("it runs as root")
	}
	find(`COPY --from=build --chown=` + user + ` \S+ ` + home) // so that a new volume is the user's
	if strings.Contains(stage, "\nVOLUME") {
		t.Error("a VOLUME leaves a nameless volume behind after each run")
	}
	binary := find(`COPY --from=build \S+ (/eventinvoke)`)[0]
	if entry := words(find(`ENTRYPOINT (\[.*\])`)[0]); len(entry) != 1 || entry[0] != binary {
		t.Errorf("ENTRYPOINT is %v, want %s alone", entry, binary)
	}
	check := words(find(`HEALTHCHECK .* CMD (\[.*\])`)[0])
	if check[0] != binary || started(t, "Dockerfile", check[1:], nil).Name() != "healthcheck" {
		t.Errorf("HEALTHCHECK is %v", check)
	}
}

// TestImageIsCrossBuilt: the compiler is that of one digest, runs on the builder's
// architecture and builds for the one asked for; and the binary knows time zones, for CRON_TZ,
// in an image that has no list of them.
func TestImageIsCrossBuilt(t *testing.T) {
	dockerfile, makefile := file(t, "../../Dockerfile"), file(t, "../../Makefile")
	for _, line := range []string{
		`FROM --platform=\$BUILDPLATFORM golang:[0-9.]+@sha256:[0-9a-f]{64} AS build`,
		`ARG TARGETOS TARGETARCH`,
		`RUN CGO_ENABLED=0 GOOS=\$TARGETOS GOARCH=\$TARGETARCH go build .*`,
	} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(dockerfile) {
			t.Errorf("the Dockerfile has no line %s", line)
		}
	}
	flags := regexp.MustCompile(`go build -trimpath -tags (\S+) (-gcflags=\S+) `)
	dist := file(t, "../../tools/dist/main.go")
	for name, text := range map[string]string{"Dockerfile": dockerfile, "Makefile": makefile} {
		m := flags.FindStringSubmatch(text)
		if m == nil {
			t.Errorf("%s has no line that matches %s", name, flags)
			continue
		}
		if !strings.Contains(dist, `",`+m[1]+`"`) || !strings.Contains(dist, `"`+m[2]+`"`) {
			t.Errorf("%s builds with -tags %s %s, and tools/dist otherwise", name, m[1], m[2])
		}
		linked, err := exec.Command("go", "list", "-deps", "-tags", m[1], ".").CombinedOutput()
		if err != nil || !strings.Contains(string(linked), "\ntime/tzdata\n") {
			t.Errorf("%s: with -tags %s no time zones are in the binary: %v", name, m[1], err)
		}
	}
}

func file(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestWithoutAHome: a container that sets neither variable is told what to give.
func TestWithoutAHome(t *testing.T) {
	world := serve(t, awssim.Fleet(account, region, awssim.Function{Name: "f"}), nil)
	t.Setenv("HOME", "")
	t.Setenv("XDG_STATE_HOME", "")
	fleet := write(t, "version: 1\nfunctions: [{ name: f, maximum_retry_attempts: 0 }]\n")
	code, _, stderr := eventinvoke(t.Context(), "apply", "--yes", fleet)
	if code != exitError || !strings.Contains(stderr, "--history") || !strings.Contains(stderr, "XDG_STATE_HOME") || world.Counts().Writes != 0 {
		t.Errorf("exit %d after %d writes: %s", code, world.Counts().Writes, stderr)
	}
}
