package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/reconcile"
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

func TestCountsAreAdded(t *testing.T) {
	var before, after reconcile.OperationCount
	b, a := reflect.ValueOf(&before).Elem(), reflect.ValueOf(&after).Elem()
	for i := 1; i < b.NumField(); i++ { // all but the name
		b.Field(i).SetInt(int64(i))
		a.Field(i).SetInt(int64(100 * i))
	}
	got := reflect.ValueOf(added(after, before))
	for i := 1; i < got.NumField(); i++ {
		if got.Field(i).Int() != int64(99*i) {
			t.Errorf("%s is %d, want %d", got.Type().Field(i).Name, got.Field(i).Int(), 99*i)
		}
	}
}
