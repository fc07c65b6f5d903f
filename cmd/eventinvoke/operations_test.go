package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestOperationsPageIsRun: each command of docs/operations.md is a command of
// the script that plays a bad day, where RUN is the run of that day.
func TestOperationsPageIsRun(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/script/operations.txtar")
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(?:exec|exits \d+) (eventinvoke .*)$`).FindAllStringSubmatch(string(script), -1) {
		ran[m[1]] = true
	}
	shown := 0
	for _, block := range shellBlock.FindAllStringSubmatch(string(page), -1) {
		for line := range strings.Lines(block[1]) {
			shown++
			command := strings.ReplaceAll(strings.TrimSpace(line), " RUN", " monday")
			if !ran[command] {
				t.Errorf("docs/operations.md shows %q, and testdata/script/operations.txtar does not run it", command)
			}
		}
	}
	if shown < 10 {
		t.Errorf("the page shows %d commands: are its blocks no longer found?", shown)
	}
}

// The exit codes of the page are all there are, and its policy is JSON.
func TestOperationsPageIsWhole(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([0-9, ]+) \|`).FindAllStringSubmatch(string(page), -1) {
		codes = append(codes, strings.Split(m[1], ", ")...)
	}
	var want []string
	for _, e := range exitMeanings {
		want = append(want, exitCode(e.code).Error()[len("exit code "):])
	}
	if strings.Join(codes, " ") != strings.Join(want, " ") {
		t.Errorf("the page explains the exit codes %v, and there are %v", codes, want)
	}
	_, rest, _ := strings.Cut(string(page), "<!-- bucket policy -->\n```json\n")
	policy, _, _ := strings.Cut(rest, "```")
	if !json.Valid([]byte(policy)) {
		t.Errorf("the bucket policy is no JSON:\n%s", policy)
	}
}
