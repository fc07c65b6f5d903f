package desired

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A rule speaks about an entry whose qualifier it names or matches. Patterns are for aliases:
// none takes in a version, and only "*" takes in $LATEST.
func TestWhichEntriesARuleSpeaksAbout(t *testing.T) {
	for _, row := range []struct {
		item, qualifier string
		speaks          bool
	}{
		{"*", Latest, true}, {"*", "live", true}, {"*", "7", false}, {"*", "$LATEST.PUBLISHED", false},
		{"live*", Latest, false}, {"live*", "live-eu", true}, {"live*", "beta", false},
		{"[0-9]", "7", false}, {"7", "7", true}, {"live", Latest, false}, {Latest, Latest, true},
		{"", Latest, true}, {"", "live", false}, {"", "7", false}, // without qualifiers
	} {
		qualifiers := ""
		if row.item != "" {
			qualifiers = fmt.Sprintf(`, qualifiers: ["%s"]`, row.item)
		}
		d := mustLoad(t, oneFile(fmt.Sprintf(`version: 1
rules: [{ match: { functions: [a]%s }, set: { maximum_retry_attempts: 0 } }]
functions: [{ name: a, qualifier: "%s", maximum_event_age_in_seconds: 60 }]
`, qualifiers, row.qualifier)))
		f := mustResolve(t, d, east, Inventory{east: {Functions: []string{"a"}, Aliases: map[string][]string{"a": {"beta", "live", "live-eu"}}}})
		i := slices.IndexFunc(f.Targets[0].Entries, func(e Entry) bool { return e.Qualifier == row.qualifier })
		if got := f.Targets[0].Entries[i].Want[MaximumRetryAttempts].IsSet(); got != row.speaks {
			t.Errorf("%s speaks about %s: %v", row.item, row.qualifier, got)
		}
	}
}

// What a person types for a config, and what is known of it before any fleet is.
func TestKeysAsTheyAreTyped(t *testing.T) {
	const arn = "arn:aws:lambda:eu-west-1:111111111111:function:"
	for typed, want := range map[string]string{
		"orders":                                         "orders in any",
		"orders:live":                                    "orders in any",
		"prod/orders:live":                               "orders in prod",
		"111111111111/eu-west-1/orders":                  "orders in 111111111111/eu-west-1, which is 111111111111/eu-west-1",
		arn + "orders:live":                              "orders in 111111111111/eu-west-1, which is 111111111111/eu-west-1",
		"111111111111:function:orders":                   "orders in any",
		"prod/" + "function:orders":                      "orders in prod",
		"111111111111/nowhere/orders":                    "orders in 111111111111/nowhere",
		strings.Repeat("x", 140):                         strings.Repeat("x", 140) + " in any",
		"f:" + strings.Repeat("x", 128):                  "f in any",
		strings.Repeat("x", 141):                         "use at most 140",
		"f:" + strings.Repeat("x", 129):                  "use at most 128",
		"a:b:c":                                          "too many colons",
		"f:":                                             "is not a qualifier",
		"111111111111:lambda:orders":                     "too many colons",
		"arn:aws:sqs:eu-west-1:1:function:f":             "is not the ARN of a Lambda function",
		"arn:aws:lambda:eu-west-1:1:function:f":          "no valid region and account",
		"arn:aws:lambda:nowhere:111111111111:function:f": "no valid region and account",
	} {
		q, err := ParseKey(typed)
		got := fmt.Sprint(err)
		if err == nil {
			where := q.Where
			if where == "" {
				where = "any"
			}
			got = q.Function + " in " + where
			if q.Target() != (Target{}) {
				got += ", which is " + q.Target().String()
			}
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s: %s, want %s", typed, got, want)
		}
	}
}

// Sources say which of several places won.
func TestTheSourceThatIsApplied(t *testing.T) {
	d := mustLoad(t, oneFile("version: 1\ndefaults: { maximum_retry_attempts: 1 }\nfunctions: [{ name: a, maximum_retry_attempts: 2 }]\n"))
	all, err := d.Sources(east, nil, Key{east, Name{"a", Latest}})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range all {
		switch applied := h.Applied(); {
		case h.Setting != MaximumRetryAttempts && applied != nil:
			t.Errorf("%s is decided by %s", h.Setting, applied.Origin)
		case h.Setting == MaximumRetryAttempts && (applied == nil || applied.Value != Number(2) || applied.Origin.Line != 3):
			t.Errorf("%s: %+v", h.Setting, h.Sources)
		}
	}
}

// The same fleet, written otherwise, has the accounts that were listed for it.
func TestMembersGoWithTheOrganization(t *testing.T) {
	const text = `version: 1
targets:
  - { name: all, organization: { role: r, regions: [us-east-1] } }
  - { name: one, account: "333333333333", regions: [us-east-1] }
functions: [{ name: a, maximum_retry_attempts: 0 }]
`
	full := mustLoad(t, oneFile(text)).WithMembers(map[string][]Member{"all": {{Account: "222222222222"}, {Account: "111111111111"}}})
	other := mustLoad(t, oneFile(strings.Replace(text, "attempts: 0", "attempts: 1", 1)))
	for _, d := range []*Document{full, other.WithMembersOf(full)} {
		if got := fmt.Sprint(d.Accounts()); got != "map[all:[111111111111 222222222222]]" {
			t.Errorf("the accounts are %s", got)
		}
		if f := mustResolve(t, d, Target{}, nil); len(f.Targets) != 3 || f.Configs() != 3 {
			t.Errorf("%d targets, %d configs", len(f.Targets), f.Configs())
		}
	}
	if got := other.Organizations(); len(got) != 1 || got[0].Label != "all" || len(other.Accounts()) != 0 {
		t.Errorf("before: %+v, %v", got, other.Accounts())
	}
}

// Values of a tag are asked for by twenty at most; with more of them all that have the key
// are.
func TestHowManyValuesAreSearchedFor(t *testing.T) {
	for n, asked := range map[int]int{1: 1, 20: 20, 21: 0} {
		var values []string
		for i := range n {
			values = append(values, fmt.Sprintf("v%d", i))
		}
		d := mustLoad(t, oneFile("version: 1\nrules: [{ match: { tags: { k: ["+strings.Join(values, ", ")+"] } }, set: { maximum_retry_attempts: 0 } }]\n"))
		if got := d.Discoveries(east, Selection{})[0].Tags[0][0].Values; len(got) != asked {
			t.Errorf("of %d values %d are asked for, want %d", n, len(got), asked)
		}
	}
}

func TestListsInMessagesAreShort(t *testing.T) {
	var all []string
	for i := range 12 {
		want := strings.Join(all, ", ")
		switch {
		case i == 0:
			want = "none"
		case i > 10:
			want = fmt.Sprintf("%s and %d more", strings.Join(all[:10], ", "), i-10)
		}
		if got := listSome(all); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		all = append(all, fmt.Sprint("f", i))
	}
}
