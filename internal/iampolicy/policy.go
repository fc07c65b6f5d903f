// Package iampolicy works out the least IAM policy for a fleet file.
//
// In come a fleet file and what a run is to do with it; out come policy
// documents, for each target those of the credentials that reach it, and one for
// the base credentials where roles are to be assumed. Functions are named where
// the file names them; a wildcard stands only where a rule has one.
//
// The package is pure: it asks no AWS and knows of no function that the file
// does not speak of.
package iampolicy

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// Mode is what the policy is to allow.
type Mode uint8

// The modes.
const (
	Audit Mode = iota // plan, audit, export of declared functions: no write
	Apply             // what Audit allows, and the writes
)

// Options choose what is allowed.
type Options struct {
	Mode Mode
	// Orphans allows to look up, on every function, whether the qualifier of an
	// undeclared record still exists. Without it such a record is only undeclared.
	Orphans bool
	// Insights are the actions that learn what Lambda does not tell; none where a run
	// is not to ask. What is asked about is known only when records have been read.
	Insights []string
	// Queue is the ARN of the queue that wakes the worker; "" for none.
	Queue string
	// History is where in S3 runs are remembered; zero for nowhere there.
	History Bucket
	// FleetFiles are the objects in S3 that the fleet is read from, as s3://bucket/key, and
	// prefixes, which end in a slash; and Versions says that some are named by version.
	FleetFiles []string
	Versions   bool
}

// Bucket is a place in S3.
type Bucket struct{ Name, Prefix string }

// Policy is one policy document.
type Policy struct {
	Label       string         // of the target; "" for the current credentials
	Target      desired.Target // zero for the base credentials, which assume the roles
	Part, Parts int            // a policy that is too long for one document has several
	Statements  []Statement
}

// Statement allows some actions on some resources.
type Statement struct {
	Sid      string
	Effect   string
	Action   []string
	Resource []string
}

// JSON is the document as IAM takes it.
func (d *Policy) JSON() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(policy(d.Statements)); err != nil {
		panic("iampolicy: a document holds texts alone: " + err.Error())
	}
	return b.Bytes()
}

func policy(statements []Statement) any {
	return struct {
		Version   string
		Statement []Statement
	}{"2012-10-17", statements}
}

// Build works out the documents for a fleet file and the fleet that it resolves
// to without any inventory: the exact entries are in the fleet, and what rules
// may choose in the file. What the base credentials do besides reaching targets
// is in the document for them, and in that of each target without a role.
func Build(file *desired.Document, fleet desired.Fleet, ambient desired.Target, o Options) []Policy {
	var all []Policy
	organizations := file.Organizations()
	if roles := rolesOf(fleet); len(roles) > 0 {
		base := append([]Statement{{Sid: "AssumeRoles", Effect: "Allow", Action: []string{"sts:AssumeRole"}, Resource: roles}}, o.baseStatements(partitionOf(roles[0]))...)
		all = append(all, split(Policy{Statements: append(base, members(organizations)...)})...)
	}
	needs := file.Discoveries(ambient, desired.Selection{})
	for t := range slice.Pointers(fleet.Targets) {
		var need desired.Discovery
		for _, n := range needs {
			if n.Target != t.Target {
				continue
			}
			// Organizations whose accounts are not known share a target: more than is needed may be
			// allowed, and never less.
			need.ListFunctions = need.ListFunctions || n.ListFunctions
			need.Tags, need.Matchers = append(need.Tags, n.Tags...), append(need.Matchers, n.Matchers...)
		}
		w := wantsOf(t, need.Matchers, fleet.Undeclared, o)
		target := everywhere(t, organizations)
		d := Policy{Label: t.Label, Target: target, Statements: w.statements(target)}
		found := discovery(need)
		if len(found.Action) > 0 {
			d.Statements = append(d.Statements, found)
		}
		if len(d.Statements) == 0 {
			continue
		}
		insights := slice.Filter(o.Insights, func(a string) bool { return !slices.Contains(found.Action, a) })
		if len(insights) > 0 {
			d.Statements = append(d.Statements, Statement{Sid: "Insights", Effect: "Allow", Action: insights, Resource: []string{"*"}})
		}
		if t.RoleARN == "" {
			d.Statements = append(d.Statements, o.baseStatements(t.Partition())...)
		}
		all = append(all, split(d)...)
	}
	return all
}

// everywhere is a target, as patterns where it stands for all accounts of an organization.
func everywhere(t *desired.TargetSpec, organizations []desired.Organization) desired.Target {
	target := t.Target
	if !t.Unlisted {
		return target
	}
	target.Account = "*"
	if slices.ContainsFunc(organizations, func(o desired.Organization) bool { return o.Label == t.Label && o.Enabled }) {
		target.Region = "*"
	}
	return target
}

// members allows what lists the accounts of organizations. Nothing of it knows a resource.
func members(of []desired.Organization) []Statement {
	var actions []string
	for _, o := range of {
		if len(o.Units) == 0 {
			actions = append(actions, "organizations:ListAccounts")
		} else {
			actions = append(actions, "organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent")
		}
		if o.Enabled {
			actions = append(actions, "account:ListRegions")
		}
	}
	if actions == nil {
		return nil
	}
	return []Statement{{Sid: "Organization", Effect: "Allow", Action: slice.Unique(actions), Resource: []string{"*"}}}
}

// discovery allows what finds functions. These two actions know no resource.
func discovery(need desired.Discovery) Statement {
	s := Statement{Effect: "Allow", Resource: []string{"*"}}
	if need.ListFunctions {
		s.Sid += "Functions"
		s.Action = append(s.Action, "lambda:ListFunctions")
	}
	if len(need.Tags) > 0 {
		s.Sid += "Tags"
		s.Action = append(s.Action, "tag:GetResources")
	}
	return s
}

// wants are the functions, as patterns, that each kind of call may be about.
type wants struct{ read, write, remove, aliases, versions []string }

func wantsOf(t *desired.TargetSpec, choices []desired.Matcher, undeclared desired.UndeclaredPolicy, o Options) wants {
	var w wants
	for _, e := range t.Entries {
		w.read = append(w.read, e.Function)
		if e.Remove {
			w.remove = append(w.remove, e.Function)
			continue
		}
		w.write = append(w.write, e.Function)
		w.lookUp(e.Qualifier, e.Function)
	}
	for _, c := range choices {
		w.read = append(w.read, c.Functions...)
		if c.ReadOnly {
			continue
		}
		w.write = append(w.write, c.Functions...)
		for _, q := range c.Qualifiers {
			w.lookUp(q, c.Functions...)
		}
	}
	if undeclared == desired.UndeclaredDelete {
		w.remove = slices.Concat(w.remove, w.write)
	}
	if o.Orphans {
		w.aliases, w.versions = w.read, w.read
	}
	if o.Mode == Audit {
		w.write, w.remove = nil, nil
	}
	return w
}

// lookUp notes functions on which it may have to be known whether a qualifier
// exists, because a record is to be created under it. Versions are all digits,
// which no alias is; $LATEST and what begins like it always exist.
func (w *wants) lookUp(qualifier string, functions ...string) {
	switch {
	case strings.HasPrefix(qualifier, desired.Latest):
	case strings.Trim(qualifier, "0123456789") == "":
		w.versions = append(w.versions, functions...)
	default:
		w.aliases = append(w.aliases, functions...)
	}
}

// statements puts kinds of calls that are about the same functions together,
// since the names take most of the room.
func (w *wants) statements(t desired.Target) []Statement {
	var all []Statement
	for _, kind := range []struct {
		word      string
		functions []string
		actions   []string
	}{
		{"Read", w.read, []string{"lambda:ListFunctionEventInvokeConfigs"}},
		{"Write", w.write, []string{"lambda:PutFunctionEventInvokeConfig", "lambda:UpdateFunctionEventInvokeConfig"}},
		{"Delete", w.remove, []string{"lambda:DeleteFunctionEventInvokeConfig"}},
		{"Aliases", w.aliases, []string{"lambda:ListAliases"}},
		{"Versions", w.versions, []string{"lambda:ListVersionsByFunction"}},
	} {
		resources := resourcesOf(t, kind.functions)
		if len(resources) == 0 {
			continue
		}
		same := slices.IndexFunc(all, func(s Statement) bool { return slices.Equal(s.Resource, resources) })
		if same < 0 {
			all = append(all, Statement{Effect: "Allow", Resource: resources})
			same = len(all) - 1
		}
		all[same].Sid += kind.word
		all[same].Action = append(all[same].Action, kind.actions...)
	}
	return all
}

func rolesOf(fleet desired.Fleet) []string {
	var roles []string
	for _, t := range fleet.Targets {
		if t.Unlisted {
			t.RoleARN = strings.Replace(t.RoleARN, ":"+t.Account+":", ":*:", 1)
		}
		if t.RoleARN != "" {
			roles = append(roles, t.RoleARN)
		}
	}
	return slice.Unique(roles)
}

// partitionOf is the partition of an ARN; "" of anything else.
func partitionOf(s string) string {
	a, _ := arn.Parse(s)
	return a.Partition
}

// literal writes what stands for more in a policy as what stands for itself.
var literal = strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}")

// baseStatements allow what is asked of SQS and S3, which happens with the base
// credentials whatever roles the targets have.
func (o Options) baseStatements(partition string) []Statement {
	var all []Statement
	if partitionOf(o.Queue) == partition { // IAM refuses a document that names another one
		// The permission for a call is also that for its batch.
		all = append(all, Statement{Sid: "Queue", Effect: "Allow", Resource: []string{o.Queue},
			Action: []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}})
	}
	if o.History.Name != "" {
		bucket := "arn:" + partition + ":s3:::" + o.History.Name
		all = append(all,
			// Not narrowed to the prefix: with a condition on it S3 answers 403 in place
			// of 404 for an object that is not there, and the history has to tell them apart.
			Statement{Sid: "History", Effect: "Allow", Resource: []string{bucket}, Action: []string{"s3:ListBucket"}},
			Statement{Sid: "HistoryObjects", Effect: "Allow", Resource: []string{bucket + "/" + path.Join(literal.Replace(o.History.Prefix), "*")},
				Action: []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}})
	}
	if len(o.FleetFiles) > 0 {
		lists := Statement{Sid: "FleetFiles", Effect: "Allow", Action: []string{"s3:ListBucket"}}
		reads := Statement{Sid: "FleetObjects", Effect: "Allow", Action: []string{"s3:GetObject"}}
		if o.Versions {
			reads.Action = append(reads.Action, "s3:GetObjectVersion")
		}
		for _, file := range o.FleetFiles {
			bucket, key, _ := strings.Cut(strings.TrimPrefix(file, "s3://"), "/")
			if key = literal.Replace(key); key == "" || strings.HasSuffix(key, "/") {
				key += "*"
			}
			bucket = "arn:" + partition + ":s3:::" + bucket
			lists.Resource = append(lists.Resource, bucket)
			reads.Resource = append(reads.Resource, bucket+"/"+key)
		}
		lists.Resource = slices.Compact(slices.Sorted(slices.Values(lists.Resource)))
		all = append(all, lists, reads)
	}
	return all
}
