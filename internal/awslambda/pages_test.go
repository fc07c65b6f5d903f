package awslambda

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// A listing is followed to its end, and one that has none is found out as soon as it can be.
func TestPages(t *testing.T) {
	for _, row := range []struct {
		why    string
		tokens string // of each answer; . is none
		pages  int    // that are asked for
		wrong  string
	}{
		{"one page", ".", 1, ""},
		{"three pages", "ab.", 3, ""},
		{"five pages are the most", "abcd.", 5, ""},
		{"the same page again", "aa.", 2, `"a" twice`},
		{"a circle of two", "abab.", 3, `"a" twice`},
		{"a circle behind the first page", "abcb.", 4, `"b" twice`},
		{"ever new tokens", "abcdefgh.", 5, "did not end after 5 pages"},
	} {
		pages, asked := &Pages{Max: 5}, 0
		var err error
		for more := true; more && err == nil; more = pages.Token != nil {
			token := strings.Trim(row.tokens[asked:asked+1], ".")
			asked++
			err = pages.Turn(aws.String(token))
		}
		if asked != row.pages || (err != nil) != (row.wrong != "") || err != nil && !strings.Contains(err.Error(), row.wrong) {
			t.Errorf("%s: after %d pages of %d: %v", row.why, asked, row.pages, err)
		}
	}
}
