package main

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/eventinvoke/eventinvoke/desired"
)

var (
	yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	jsonBlock = regexp.MustCompile("(?s)```json\n(.*?)```")
	bullet    = regexp.MustCompile("(?m)^- .*`[a-z0-9]+:[A-Za-z]+`.*$")
	action    = regexp.MustCompile("`([a-z0-9]+:[A-Z][A-Za-z]+)`")
)

// The page on accounts shows a fleet file that loads, a trust policy that is
// JSON, partitions as they are, and the very actions that a session which only
// reads is left with.
func TestAccountsPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/accounts.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	fleet := yamlBlock.FindStringSubmatch(page)
	if fleet == nil {
		t.Fatal("no fleet file is shown")
	}
	if _, err := desired.Load(fstest.MapFS{"fleet.yaml": {Data: []byte(fleet[1])}}, "fleet.yaml"); err != nil {
		t.Error(err)
	}
	if trust := jsonBlock.FindStringSubmatch(page); trust == nil || !json.Valid([]byte(trust[1])) {
		t.Error("no trust policy that is JSON is shown")
	}
	for _, region := range []string{"cn-north-1", "us-gov-west-1", "eusc-de-east-1", "us-iso-east-1", "us-isob-east-1", "us-isof-south-1", "eu-isoe-west-1", "eu-west-1"} {
		if p := (desired.Target{Region: region}).Partition(); !strings.Contains(page, "`"+p+"`") {
			t.Errorf("the partition %s of %s is not on the page", p, region)
		}
	}
	shown := map[string]bool{}
	for _, line := range bullet.FindAllString(page, -1) {
		for _, m := range action.FindAllStringSubmatch(line, -1) {
			shown[m[1]] = true
		}
	}
	path := write(t, companyFleet)
	synctest.Test(t, func(t *testing.T) {
		var policy struct{ Statement []struct{ Action []string } }
		through(t, &between{World: newWorld(t, company()), before: func(r *http.Request) {
			if f := form(t, r); f.Get("Action") == "AssumeRole" {
				if err := json.Unmarshal([]byte(f.Get("Policy")), &policy); err != nil {
					t.Error(err)
				}
			}
		}}, "plan", path, "222222222222/us-east-1")
		if len(policy.Statement) != 1 || len(policy.Statement[0].Action) != len(shown) {
			t.Fatalf("the session policy is %+v, the page shows %v", policy, shown)
		}
		for _, action := range policy.Statement[0].Action {
			if !shown[action] {
				t.Errorf("the session policy allows %s, and the page does not say so", action)
			}
		}
	})
}
