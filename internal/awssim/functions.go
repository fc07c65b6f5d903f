package awssim

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// maxFunctionsPage is how many functions or versions AWS returns at most,
// whatever MaxItems asks for.
const maxFunctionsPage = 50

// functionConfig is a function as the listings show it: without state.
type functionConfig struct {
	FunctionName, FunctionArn, Runtime, Role, Handler string
	CodeSize                                          int
	Description                                       string
	Timeout, MemorySize                               int
	LastModified, CodeSha256, Version                 string
	TracingConfig                                     struct{ Mode string }
	RevisionId, PackageType                           string
	Architectures                                     []string
	EphemeralStorage                                  struct{ Size int }
	DeadLetterConfig                                  *deadLetter `json:",omitempty"`
}

type deadLetter struct{ TargetArn string }

// functionDetails is a function as the single reads show it.
type functionDetails struct {
	functionConfig
	State, LastUpdateStatus string
}

// config describes one version of f. An arn without a qualifier is the function
// itself. All but names and versions is the same for every function.
func (w *World) config(q *request, f *function, version, arn string) functionConfig {
	role := "arn:" + partition(q.region) + ":iam::" + q.account.Account + ":role/" + f.role
	code := sha256.Sum256([]byte(f.name + version))
	c := functionConfig{
		FunctionName: f.name, FunctionArn: arn, Runtime: "provided.al2023", Role: role, Handler: "bootstrap",
		CodeSize: 1 << 20, Timeout: 3, MemorySize: 128,
		LastModified: w.started.UTC().Format("2006-01-02T15:04:05.000-0700"),
		CodeSha256:   base64.StdEncoding.EncodeToString(code[:]), Version: version,
		RevisionId: f.revision(version), PackageType: "Zip", Architectures: []string{"x86_64"},
	}
	c.TracingConfig.Mode = "PassThrough"
	c.EphemeralStorage.Size = 512
	if f.dead != "" {
		c.DeadLetterConfig = &deadLetter{f.dead}
	}
	return c
}

// revision does not change: nothing here updates a function.
func (f *function) revision(of string) string {
	return uuid(newRNG(0, "revision", f.rank, of))
}

func (w *World) listFunctions(q *request) (any, *apiError) {
	var c constraints
	size := min(maxFunctionsPage, c.items(q, maxListItems))
	all := q.query.Get("FunctionVersion")
	if all != "" && all != "ALL" {
		c.fail(all, "functionVersion", "satisfy enum value set: [ALL]")
	}
	if apiErr := c.apiError(); apiErr != nil {
		return nil, apiErr
	}
	if all == "ALL" {
		return w.listEveryVersion(q, size)
	}
	shown, next, apiErr := listPage(w, q, q.state.inOrder(), size,
		func(f *function) string { return f.rank },
		func(f *function) functionConfig { return w.config(q, f, latest, q.arn(f.name)) })
	return functionPage{shown, next}, apiErr
}

type functionPage struct {
	Functions  []functionConfig
	NextMarker *string
}

// listEveryVersion lists functions with their versions, qualified.
func (w *World) listEveryVersion(q *request, size int) (any, *apiError) {
	type entry struct {
		f       *function
		version string
	}
	var list []entry
	for _, f := range q.state.inOrder() {
		for _, v := range f.everyVersion() {
			list = append(list, entry{f, v})
		}
	}
	shown, next, apiErr := listPage(w, q, list, size,
		func(e entry) string { return e.f.rank + ":" + versionRank(e.version) },
		func(e entry) functionConfig { return w.config(q, e.f, e.version, q.arn(e.f.name)+":"+e.version) })
	return functionPage{shown, next}, apiErr
}

// everyVersion is $LATEST and then the published versions by number.
func (f *function) everyVersion() []string {
	return slices.Concat([]string{latest}, f.versions)
}

// versionRank sorts as everyVersion does, as text.
func versionRank(version string) string {
	if version == latest {
		return ""
	}
	return string(rune('0'+len(version))) + version
}

// noSuchFunction is how the operations on functions miss one; the event invoke
// operations have texts of their own.
func noSuchFunction(arn string) *apiError { return notFound("Function not found: " + arn) }

// findFunction finds the function of a request, for the operations outside event invoke.
// The region is locked.
func (q *request) findFunction(n ref) (*function, *apiError) {
	f := q.state.functions[n.name]
	if f != nil && (n.qualifier == "" || f.hasQualifier(n.qualifier)) {
		return f, nil
	}
	return nil, noSuchFunction(strings.TrimSuffix(q.arn(n.name)+":"+n.qualifier, ":"))
}

func (w *World) getFunction(q *request) (any, *apiError) {
	details, tags, apiErr := w.details(q)
	type code struct{ RepositoryType, Location string }
	return struct {
		Configuration functionDetails
		Code          code
		Tags          map[string]string `json:",omitempty"`
	}{details, code{"S3", "https://code.invalid/" + details.FunctionName}, tags}, apiErr
}

func (w *World) getFunctionConfiguration(q *request) (any, *apiError) {
	details, _, apiErr := w.details(q)
	return details, apiErr
}

func (w *World) details(q *request) (functionDetails, map[string]string, *apiError) {
	var c constraints
	c.configName(q)
	n, apiErr := c.resolve(q)
	if apiErr != nil {
		return functionDetails{}, nil, apiErr
	}
	f, apiErr := q.findFunction(n)
	if apiErr != nil {
		return functionDetails{}, nil, apiErr
	}
	arn, version := q.arn(f.name), latest
	if n.qualifier != "" {
		arn, version = arn+":"+n.qualifier, n.qualifier
		if i := slices.IndexFunc(f.aliases, func(a alias) bool { return a.name == n.qualifier }); i >= 0 {
			version = f.aliases[i].version
		}
	}
	status := "Successful"
	if q.now.Before(f.busy) {
		status = "InProgress"
	}
	return functionDetails{w.config(q, f, version, arn), "Active", status}, f.tags, nil
}

func (w *World) getAccountSettings(q *request) (any, *apiError) {
	n := len(q.state.functions)
	type limits struct{ TotalCodeSize, CodeSizeUnzipped, CodeSizeZipped, ConcurrentExecutions, UnreservedConcurrentExecutions int }
	type usage struct{ TotalCodeSize, FunctionCount int }
	return struct {
		AccountLimit limits
		AccountUsage usage
	}{limits{75 << 30, 250 << 20, 50 << 20, 1000, 1000}, usage{n << 20, n}}, nil
}

type aliasConfig struct{ AliasArn, Name, FunctionVersion, Description, RevisionId string }

func (w *World) listAliases(q *request) (any, *apiError) {
	var c constraints
	c.listName(q)
	size := c.items(q, maxListItems)
	f, apiErr := q.functionToList(c)
	if apiErr != nil {
		return nil, apiErr
	}
	list := slices.Clone(f.aliases)
	if v := q.query.Get("FunctionVersion"); v != "" {
		list = slices.DeleteFunc(list, func(a alias) bool { return a.version != v })
	}
	rank := func(a alias) string { return q.state.rank(f.name, "alias", a.name) }
	slices.SortFunc(list, func(a, b alias) int { return strings.Compare(rank(a), rank(b)) })
	shown, next, apiErr := listPage(w, q, list, size, rank, func(a alias) aliasConfig {
		return aliasConfig{q.arn(f.name) + ":" + a.name, a.name, a.version, "", f.revision("alias " + a.name)}
	})
	return struct {
		Aliases    []aliasConfig
		NextMarker *string
	}{shown, next}, apiErr
}

func (w *World) listVersions(q *request) (any, *apiError) {
	var c constraints
	c.listName(q)
	size := min(maxFunctionsPage, c.items(q, maxListItems))
	f, apiErr := q.functionToList(c)
	if apiErr != nil {
		return nil, apiErr
	}
	shown, next, apiErr := listPage(w, q, f.everyVersion(), size, versionRank,
		func(v string) functionConfig { return w.config(q, f, v, q.arn(f.name)+":"+v) })
	return struct {
		Versions   []functionConfig
		NextMarker *string
	}{shown, next}, apiErr
}

// functionToList finds the function whose parts are to be listed.
func (q *request) functionToList(c constraints) (*function, *apiError) {
	n, apiErr := c.resolve(q)
	if apiErr != nil {
		return nil, apiErr
	}
	return q.findFunction(ref{name: n.name})
}
