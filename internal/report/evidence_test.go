package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// What was carried is counted, and why everything was read is told, of each target, whichever of them
// were read whole without a reason.
func TestTheEvidenceIsThatOfEachTarget(t *testing.T) {
	for kinds := range 3 * 3 * 3 {
		r := newRun("audit", desired.Fleet{}, reconcile.Observed{})
		r.Surveyed, r.Plan = started, &reconcile.Plan{}
		carried, full := 0, []string(nil)
		for i, kind := 0, kinds; i < 3; i, kind = i+1, kind/3 {
			target := reconcile.TargetPlan{Target: desired.Target{Account: fmt.Sprintf("%012d", i+1), Region: "eu-west-1"}}
			switch kind % 3 {
			case 1:
				target.Evidence = &insight.Evidence{Functions: 10, Read: 4, Carried: 6, Oldest: started.Add(-time.Hour)}
				carried += 6
			case 2:
				target.Evidence = &insight.Evidence{Full: fmt.Sprintf("reason %d", i)}
				full = append(full, target.Evidence.Full)
			}
			r.Plan.Targets = append(r.Plan.Targets, target)
		}
		var b bytes.Buffer
		if err := Text(&b, r, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if told := strings.Contains(text, fmt.Sprintf("; %d carried", carried)); told != (carried > 0) {
			t.Errorf("%d carried: told %v\n%s", carried, told, text)
		}
		for _, reason := range full {
			if !strings.Contains(text, reason) {
				t.Errorf("no %q\n%s", reason, text)
			}
		}
	}
}
