package desired

import (
	"strings"
	"testing"
)

const supposedFleet = `version: 1
targets:
  - { name: prod, account: "111111111111", regions: [us-east-1, eu-west-1] }
rules:
  - match: { functions: ["pay*"] }
    set: { maximum_retry_attempts: 0 }
  - match: { functions: ["pay*"], tags: { tier: gold }, targets: [prod] }
    set: { maximum_event_age_in_seconds: 60 }
ignore:
  - functions: ["*-canary"]
`

// What the files say about a function is known without asking which exist.
func TestSuppose(t *testing.T) {
	d := mustLoad(t, oneFile(supposedFleet))
	for _, row := range []struct {
		why, typed string
		known      Inventory
		want       string // keys, or the error
	}{
		{"chosen by a rule, in every target", "payments", nil, "111111111111/eu-west-1/payments 111111111111/us-east-1/payments"},
		{"only where it is meant", "111111111111/us-east-1/payments", nil, "111111111111/us-east-1/payments"},
		{"chosen by none", "orders", nil, `no declared config is called "orders"; there are none`},
		{"ignored", "pay-canary", nil, "111111111111/eu-west-1/pay-canary is ignored by fleet.yaml:10 ignore[0]"},
	} {
		q, err := ParseKey(row.typed)
		if err != nil {
			t.Fatal(err)
		}
		fleet, _, err := d.ResolveFor(Target{}, row.known, q)
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		keys, err := fleet.Find(row.typed)
		var got []string
		for _, k := range keys {
			got = append(got, k.String())
		}
		if err != nil {
			got = append(got, err.Error())
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("%s: got %v, want %s", row.why, got, row.want)
		}
	}
}

// Rules that choose by tags speak only where tags are known.
func TestSupposeTags(t *testing.T) {
	d := mustLoad(t, oneFile(supposedFleet))
	q, err := ParseKey("prod/payments")
	if err != nil {
		t.Fatal(err)
	}
	known := Inventory{east: {Tags: map[string]map[string]string{"payments": {"tier": "gold"}}}}
	fleet, supposed, err := d.ResolveFor(Target{}, known, q)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range fleet.Targets {
		want := 0
		if target.Target == east {
			want = 60
		}
		if got := target.Entries[0].Want[MaximumEventAgeInSeconds].Int(); got != want {
			t.Errorf("%s: the age is %d, want %d", target.Target, got, want)
		}
	}
	sources, err := d.Sources(Target{}, supposed, Key{east, Name{"payments", Latest}})
	if err != nil || len(sources[MaximumEventAgeInSeconds].Sources) != 1 {
		t.Errorf("%v, %v", sources, err)
	}
}

// An entry that leaves its settings to a rule by tags is not empty while the
// tags are unknown.
func TestSupposeDoesNotCallAnEntryEmpty(t *testing.T) {
	d := mustLoad(t, oneFile(`version: 1
rules:
  - match: { tags: { tier: gold } }
    set: { maximum_retry_attempts: 0 }
functions:
  - name: orders
`))
	q, err := ParseKey("orders")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.ResolveFor(east, nil, q); err != nil {
		t.Error(err)
	}
	if _, _, err := d.ResolveFor(east, Inventory{east: {}}, q); err == nil {
		t.Error("without the tag there is nothing to manage, and nobody said so")
	}
}

func TestWhere(t *testing.T) {
	for _, row := range []struct{ why, typed, where, target string }{
		{"a plain name", "orders:live", "", "/"},
		{"a label", "prod/orders", "prod", "/"},
		{"as output prints it", "111111111111/us-east-1/orders", "111111111111/us-east-1", "111111111111/us-east-1"},
		{"an ARN", "arn:aws:lambda:us-east-1:111111111111:function:orders", "111111111111/us-east-1", "111111111111/us-east-1"},
		{"an account alone", "111111111111:function:orders", "", "/"},
	} {
		q, err := ParseKey(row.typed)
		if err != nil {
			t.Fatal(err)
		}
		if q.Where != row.where || q.Target().String() != row.target {
			t.Errorf("%s: %q and %s", row.why, q.Where, q.Target())
		}
	}
}

// What is declared in a target is found, and a slip put right, whichever of the targets it is in
// and however that is named.
func TestFindLooksInEveryTarget(t *testing.T) {
	accounts := []string{"111111111111", "222222222222", "333333333333"} // sorted, as the targets of a fleet are
	text, functions := "version: 1\ntargets:\n", "functions:\n"
	for _, a := range accounts {
		text += "  - { name: l" + a + ", account: \"" + a + "\", regions: [eu-west-1] }\n"
		functions += "  - { name: \"" + a + ":function:in-" + a + ":live\", targets: [l" + a + "], maximum_retry_attempts: 0 }\n"
	}
	fleet := mustResolve(t, mustLoad(t, oneFile(text+functions)), Target{}, nil)
	for _, a := range accounts {
		for _, where := range []string{"", "l" + a + "/", a + "/eu-west-1/", a + ":function:", "arn:aws:lambda:eu-west-1:" + a + ":function:"} {
			typed := where + "in-" + a
			keys, err := fleet.Find(typed + ":live")
			if err != nil || len(keys) != 1 || keys[0].String() != a+"/eu-west-1/in-"+a+":live" {
				t.Errorf("%s: %v, %v", typed, keys, err)
			}
			want := `no declared config is called "` + typed + `"; did you mean in-` + a + ":live?"
			if _, err := fleet.Find(typed); err == nil || err.Error() != want {
				t.Errorf("%v\nwant %s", err, want)
			}
		}
	}
}
