package desired

import (
	"fmt"
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// organizationDecl is what stands under organization in an item of targets, in place of
// an account: which accounts of the organization are meant.
//
// Files are read without any network, so that the accounts are not known when the rest of a
// file is checked. A document goes through three states:
//
//	Load                everyAccount, in each region that is written, or in one for enabled
//	WithMembers         each member in each of its regions
//	WithFormerTargets   the same, with places that have left since, for the undoing of a run alone
//
// To validate a file the first is enough. Whoever runs it gives it the members first.
type organizationDecl struct {
	place
	role    text
	units   []text
	exclude []text
	regions []text
	enabled bool // the regions are those that each account has enabled
}

// The forms of AWS Organizations' API reference for roots and organizational units, and
// IAM's for a role's name with its path.
var (
	unitRule = textRule{pattern: regexp.MustCompile(`^(r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32})$`), code: codeBadOrganization,
		what: "a root or an organizational unit", hint: "write its id, such as ou-ab12-cdef3456 or r-ab12"}
	roleNameRule = textRule{pattern: regexp.MustCompile(`^([\x21-\x7e]+/)*[\w+=,.@-]{1,64}$`), high: 512, code: codeBadOrganization,
		what: "the name of a role", hint: "write the name that the role has in every account, without an ARN around it"}
)

var organization = kind[*organizationDecl]{organizationObject.schema(), func(w *walker, n *yaml.Node, _ string) (*organizationDecl, bool) {
	o := &organizationDecl{place: at(n)}
	organizationObject.read(w, n, o)
	return o, true
}}

var organizationObject = object[organizationDecl]{
	what: "organization",
	fields: []field[organizationDecl]{
		value("role", "The role to assume in each account: its name, with its path.", word(roleNameRule),
			func(o *organizationDecl, s text) { o.role = s }).must(),
		texts("units", "Roots or units, with all below them. Left out: the whole organization.", unitRule, asWritten,
			func(o *organizationDecl) *[]text { return &o.units }),
		nested("accounts", "Accounts to leave out.", &object[organizationDecl]{what: "accounts", fields: []field[organizationDecl]{
			texts("exclude", "The twelve digits of each, in quotes.", accountRule, asWritten,
				func(o *organizationDecl) *[]text { return &o.exclude }).must(),
		}}, func(o *organizationDecl) *organizationDecl { return o }),
		regionsOrEnabled().must(),
	},
}

// regionsOrEnabled is a list of regions, or the word for those of each account. No region is
// called like the word, and a list with it among others is refused as a list of regions.
func regionsOrEnabled() field[organizationDecl] {
	f := texts("regions", "The regions, or enabled: those that each account has switched on.", regionRule, asWritten,
		func(o *organizationDecl) *[]text { return &o.regions })
	list := f.read
	f.schema = eitherOf(schema{"type": "string", "enum": []string{enabledWord}}, f.schema)
	f.read = func(w *walker, n *yaml.Node, o *organizationDecl) {
		if v := w.follow(n); v.Kind == yaml.ScalarNode && v.Value == enabledWord {
			o.enabled = true
			return
		}
		list(w, n, o)
	}
	return f
}

const enabledWord = "enabled"

// Organization is an item of targets whose accounts AWS Organizations lists. Until they are
// known, by Document.WithMembers, one target in each region stands for all.
type Organization struct {
	Label   string
	Units   []string // roots and organizational units, each with all below it; none is the whole organization
	Enabled bool     // the regions of each member are wanted too
	Pos     Pos
}

// Member is an account of an organization.
type Member struct {
	Account string
	Regions []string // those it has enabled; looked at only where Organization.Enabled
	Err     error    // why these are not known; then it has one, which is never opened
}

// Organizations lists the items of targets whose accounts have to be asked for.
func (d *Document) Organizations() []Organization {
	var all []Organization
	for t := range slice.Pointers(d.targets) {
		if t.organization != nil {
			all = append(all, Organization{Label: t.name.value, Units: written(t.organization.units), Enabled: t.organization.enabled, Pos: t.file.pos(t.organization.place)})
		}
	}
	return all
}

// WithMembers is the document with the members of its organizations, by label. An account and
// region is a target once: that of an item of its own, or of the first organization that has it.
func (d *Document) WithMembers(members map[string][]Member) *Document {
	// An account to leave out that is no member is a warning, since it leaves out nothing. An
	// organization of which nothing is left is a warning too, and an error where the files
	// have no other target: see checkEntries.
	out := *d
	out.warnings, out.targets = slices.Clone(d.warnings), slices.Clone(d.targets)
	// Items with an account of their own come first, wherever they stand: they may have another
	// role or quota for it.
	taken := map[Target]bool{}
	for t := range slice.Pointers(d.targets) {
		if t.organization == nil {
			for _, at := range t.own() {
				taken[at] = true
			}
		}
	}
	for t := range slice.Pointers(out.targets) {
		if t.organization == nil {
			continue
		}
		of := members[t.name.value]
		for _, no := range t.organization.exclude {
			if !slices.ContainsFunc(of, func(m Member) bool { return m.Account == no.value }) {
				out.warnings = append(out.warnings, Problem{Pos: t.file.pos(no.place), Code: codeNoEffect,
					Message: fmt.Sprintf("without effect: %s is no account of the organization that %s lists", no.value, t.name.value),
					Hint:    "correct it, or delete it"})
			}
		}
		t.members, t.unknown = []Target{}, map[string]error{} // not nil: they are known, if there are none
		for _, m := range of {
			if contains(t.organization.exclude, m.Account) {
				continue
			}
			t.unknown[m.Account] = m.Err
			regions := m.Regions
			if !t.organization.enabled {
				regions = written(t.organization.regions)
			}
			for _, at := range inRegions(m.Account, regions) {
				if !taken[at] {
					taken[at] = true
					t.members = append(t.members, at)
				}
			}
		}
		if len(t.members) == 0 {
			why := "AWS Organizations lists no active one"
			if len(of) > 0 {
				why = fmt.Sprintf("each of the %d that AWS Organizations lists is excluded, has a target of its own or no region", len(of))
			}
			out.warnings = append(out.warnings, Problem{Pos: t.file.pos(t.organization.place), Code: codeEmptyTarget,
				Message: t.name.value + " has no account: " + why, Hint: "check units, exclude and regions"})
		}
	}
	return &out
}

// WithMembersOf is the document with the members that another one has of the same organizations:
// for one that was loaded again.
func (d *Document) WithMembersOf(other *Document) *Document {
	out := *d
	out.targets = slices.Clone(d.targets)
	for i := range out.targets {
		for j := range other.targets {
			if t, o := &out.targets[i], &other.targets[j]; t.organization != nil && t.name.value == o.name.value {
				t.members, t.unknown = o.members, o.unknown
			}
		}
	}
	return &out
}

// Accounts are those of each organization that has its members, by label, sorted.
func (d *Document) Accounts() map[string][]string {
	all := map[string][]string{}
	for t := range slice.Pointers(d.targets) {
		if t.members != nil {
			all[t.name.value] = slice.Unique(slice.Map(t.members, func(m Target) string { return m.Account }))
		}
	}
	return all
}

// WithFormerTargets is the document with targets that its organizations had when a run wrote
// there, so that this can be undone. What the files leave out stays out.
func (d *Document) WithFormerTargets(were []TargetSpec) *Document {
	// An account that has left may have its role still; whether it does is found out when the target
	// is opened. A target without a label is of the first organization that it may be of.
	out := *d
	out.targets = slices.Clone(d.targets)
	for _, was := range were {
		if slices.ContainsFunc(out.specs(Target{}), func(t TargetSpec) bool { return t.Target == was.Target }) {
			continue
		}
		for t := range slice.Pointers(out.targets) {
			if o := t.organization; o != nil && (was.Label == "" || was.Label == t.name.value) &&
				!contains(o.exclude, was.Account) && (o.enabled || contains(o.regions, was.Region)) {
				t.members = append(slices.Clone(t.members), was.Target)
				break
			}
		}
	}
	return &out
}

func contains(texts []text, value string) bool {
	return slices.ContainsFunc(texts, func(t text) bool { return t.value == value })
}

// says reports whether an item of targets names an account with its regions, or an
// organization, and not both.
func (t *targetDecl) says(w *walker, n *yaml.Node) bool {
	switch {
	case t.organization == nil && t.account.value == "":
		w.missing(n, "a target", "account")
	case t.organization == nil && len(t.regions) == 0:
		w.missing(n, "a target", "regions")
	case t.organization != nil && (t.account.value+t.role.value != "" || len(t.regions) > 0):
		w.out.report(t.file.pos(t.organization.place), codeBadOrganization, "organization stands beside account, regions or role_arn",
			"keep one of them: an organization has its own role and regions")
	default:
		return true
	}
	return false
}

// everyAccount is the account that stands for those of an organization until they are known.
// No account of AWS has this number.
const everyAccount = "000000000000"

// own are the targets of an item.
func (t *targetDecl) own() []Target {
	switch {
	case t.members != nil:
		return t.members
	case t.organization == nil:
		return inRegions(t.account.value, written(t.regions))
	case t.organization.enabled: // one region stands for all that nobody knows, and in the partition of most every account has this one
		return []Target{{everyAccount, "us-east-1"}}
	}
	return inRegions(everyAccount, written(t.organization.regions))
}

func inRegions(account string, regions []string) []Target {
	return slice.Map(regions, func(region string) Target { return Target{account, region} })
}

// roleIn is the role to assume in a target of the item; "" for the base credentials. An
// organization has one role name in every account, as a StackSet makes it; its ARN follows from the
// account and the region's partition.
func (t *targetDecl) roleIn(at Target) string {
	if t.organization == nil {
		return t.role.value
	}
	return "arn:" + at.Partition() + ":iam::" + at.Account + ":role/" + t.organization.role.value
}

// unlisted reports whether the item is an organization whose accounts are not known: what is
// asked is the item and never the number, since that is also the account of LocalStack.
func (t *targetDecl) unlisted() bool { return t != nil && t.organization != nil && t.members == nil }

// mayBeIn is in, for a target of an item that may stand for every account of an organization,
// and for every region where these are not listed. It errs towards yes: an ARN of an account that
// is no member is found out once the members are known.
func (n ParsedName) mayBeIn(t Target, of *targetDecl) bool {
	if of.unlisted() && n.Account != "" {
		n.Account = t.Account
		if of.organization.enabled {
			n.Region, n.Partition = "", ""
		}
	}
	return n.in(t)
}

// leftBy is the label of an organization that an entry's account may have been of when it
// was written, or "". Such an entry is a warning and no error: accounts come and go without
// anybody touching the file, and the run over all others must go on.
func (d *Document) leftBy(f *functionDecl) string {
	for _, t := range d.targets {
		if o := t.organization; o != nil && covers(f.targets, t.name.value) && (o.enabled || contains(o.regions, f.name.Region)) {
			return t.name.value
		}
	}
	return ""
}

// regionsWritten are the regions where they stand.
func (t *targetDecl) regionsWritten() []text {
	if t.organization != nil {
		return t.organization.regions
	}
	return t.regions
}

func written(texts []text) []string {
	return slice.Map(texts, func(t text) string { return t.value })
}
