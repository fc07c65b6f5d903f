package main

import (
	"strings"
	"testing"
)

// TestAskMFA: the code is what the next line says, without what stands around it.
func TestAskMFA(t *testing.T) {
	for typed, want := range map[string]string{" 123456 \nyes\n": "123456", "123456": "123456", "\n": "", "": ""} {
		var asked strings.Builder
		if code, _ := askMFA(strings.NewReader(typed), &asked); code != want || asked.String() != "MFA code: " {
			t.Errorf("%q: %q after %q", typed, code, asked.String())
		}
	}
}
