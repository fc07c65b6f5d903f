package export

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// TestALargeFleetIsAFileThatOneKeeps: 5,000 functions of a usual shape (stages as
// prefixes, a kind of work as a suffix, a queue each, one in nineteen set by hand, one
// FIFO queue) come to rules and to what is really different.
func TestALargeFleetIsAFileThatOneKeeps(t *testing.T) {
	var functions []reconcile.ObservedFunction
	n := 0
	for _, stage := range []string{"prod", "stage", "dev", "test"} {
		for i := range 1250 {
			name := fmt.Sprintf("%s-svc%03d-%s", stage, i/5, []string{"api", "worker", "cron", "mail", "report"}[i%5])
			retries, age := 2, 21600
			if stage == "prod" {
				retries = 1
			}
			if i%5 == 1 {
				retries, age = 0, 3600
			}
			to := "arn:aws:sqs:us-east-1:111111111111:" + name + "-dlq"
			switch n++; {
			case n%19 == 0:
				age = 60 + n%7*60
			case n == 77:
				to += ".fifo"
			}
			functions = append(functions, function(name, latest(holds(retries, age, "", to))))
		}
	}
	asSurveyed(functions)
	targets := []ObservedTarget{prodUS.with(functions...)}
	var b bytes.Buffer
	result, err := Write(&b, targets, nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Count(b.Bytes(), []byte("\n"))
	t.Logf("%d lines, %d bytes", lines, b.Len())
	if lines > 1000 || result.Records != 4999 || result.Inexpressible != 1 {
		t.Errorf("%d lines for %d records, %d not expressible, want at most 1000 for 4999 and 1", lines, result.Records, result.Inexpressible)
	}
	plan := planAgain(t, b.String(), targets)
	if c := plan.Counts(); c.Changes() > 0 || c.InSync != result.Records {
		t.Errorf("the plan after is not empty: %+v", c)
	}
	if t.Failed() {
		t.Logf("%.6000s", b.String())
	}
}
