package awssim

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The lookups of destinations. They have no quota, suffer no faults, and answer as the
// services' models and public recordings have it.

// exists reports whether somebody who may look it up finds a destination.
func (w *World) exists(arn string) bool { return w.destinations == nil || w.destinations[arn] }

func (q *request) arnOf(service, account, resource string) string {
	return "arn:" + partition(q.region) + ":" + service + ":" + q.region + ":" + account + ":" + resource
}

func queueURL(region, account, name string) string {
	return "https://sqs." + region + ".amazonaws.com/" + account + "/" + name
}

// getQueueURL tells the same of a queue that is not there and of one of another
// account, unless the scenario lists it.
func (w *World) getQueueURL(q *request, in struct{ QueueName, QueueOwnerAWSAccountId string }) (any, *apiError) {
	owner := cmp.Or(in.QueueOwnerAWSAccountId, q.account.Account)
	if !w.exists(q.arnOf("sqs", owner, in.QueueName)) {
		return nil, badRequest("com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.")
	}
	return struct{ QueueUrl string }{queueURL(q.region, owner, in.QueueName)}, nil
}

// listQueues pages through the queues of the account in the region. Where the scenario
// does not list what exists there is nothing to list, which the simulator says itself.
func (w *World) listQueues(q *request, in struct {
	MaxResults *int
	NextToken  string
}) (any, *apiError) {
	if w.destinations == nil {
		return nil, badRequest("UnknownOperationException", "The simulator lists queues only where its scenario has destinations.")
	}
	var out struct {
		QueueUrls []string
		NextToken string `json:",omitempty"`
	}
	for arn := range w.destinations {
		if name, here := strings.CutPrefix(arn, q.arnOf("sqs", q.account.Account, "")); here && name > in.NextToken {
			out.QueueUrls = append(out.QueueUrls, queueURL(q.region, q.account.Account, name))
		}
	}
	slices.Sort(out.QueueUrls)
	if in.MaxResults == nil { // then there is one page of at most 1,000, and no token
		out.QueueUrls = out.QueueUrls[:min(len(out.QueueUrls), 1000)]
	} else if n := max(1, *in.MaxResults); len(out.QueueUrls) > n {
		out.QueueUrls = out.QueueUrls[:n]
		last := out.QueueUrls[n-1]
		out.NextToken = last[strings.LastIndexByte(last, '/')+1:]
	}
	return out, nil
}

func (w *World) getTopicAttributes(q *request) (any, *apiError) {
	arn := q.query.Get("TopicArn")
	if !w.exists(arn) {
		return nil, &apiError{404, "NotFound", "Topic does not exist", ""}
	}
	type entry struct {
		Key   string `xml:"key"`
		Value string `xml:"value"`
	}
	return struct {
		XMLName xml.Name `xml:"GetTopicAttributesResponse"`
		Entries []entry  `xml:"GetTopicAttributesResult>Attributes>entry"`
	}{Entries: []entry{{"TopicArn", arn}}}, nil
}

// describeEventBus takes a name, or the ARN of a bus of any account. Each account has
// a bus called default.
func (w *World) describeEventBus(q *request, in struct{ Name string }) (any, *apiError) {
	name, arn := cmp.Or(in.Name, "default"), in.Name
	if !strings.HasPrefix(name, "arn:") {
		arn = q.arnOf("events", q.account.Account, "event-bus/"+name)
	}
	if name != "default" && !w.exists(arn) {
		return nil, badRequest("ResourceNotFoundException", "Event bus "+name+" does not exist.")
	}
	return struct{ Name, Arn string }{name, arn}, nil
}

// bucketOf finds a bucket's name in the path, or in front of the host.
func bucketOf(r *http.Request) string {
	if name := strings.Trim(r.URL.Path, "/"); name != "" {
		return name
	}
	host := cmp.Or(r.Host, r.URL.Host)
	if i := strings.Index(host, ".s3"); i > 0 {
		return host[:i]
	}
	return ""
}

func (w *World) headBucket(q *request) (any, *apiError) {
	bucket := q.query.Get("Bucket")
	if w.buckets[bucket] || !w.exists("arn:"+partition(q.region)+":s3:::"+bucket) {
		return nil, &apiError{404, "NotFound", "", ""}
	}
	return nil, nil
}

// The organization of a scenario: its accounts, of which the first manages it. An
// account with a unit is right under that unit, and each unit right under the root.

// organizationRoot is the one root of every scenario.
const organizationRoot = "r-sim1"

// organizationPage is how many accounts or units a page of AWS Organizations holds.
const organizationPage = 20

type organizationQuery struct{ ParentId, NextToken string }

type organizationAccount struct{ Id, Arn, Name, State, Status string }

func (w *World) listOrganizationAccounts(q *request, in organizationQuery) (any, *apiError) {
	return w.accountsUnder(q, in, func(*Account) bool { return true })
}

func (w *World) listAccountsForParent(q *request, in organizationQuery) (any, *apiError) {
	return w.accountsUnder(q, in, func(a *Account) bool { return cmp.Or(a.Unit, organizationRoot) == in.ParentId })
}

func (w *World) accountsUnder(q *request, in organizationQuery, under func(*Account) bool) (any, *apiError) {
	var out struct {
		Accounts  []organizationAccount
		NextToken string `json:",omitempty"`
	}
	if apiErr := w.mayAsk(q, in); apiErr != nil {
		return nil, apiErr
	}
	for _, a := range w.accounts {
		if under(a) {
			out.Accounts = append(out.Accounts, organizationAccount{
				Id: a.Account, Arn: "arn:" + partition(q.region) + ":organizations::" + w.accounts[0].Account + ":account/o-simulated1/" + a.Account,
				Name: "account-" + a.Account, State: "ACTIVE", Status: "ACTIVE",
			})
		}
	}
	out.Accounts, out.NextToken = pageOf(out.Accounts, in.NextToken)
	return out, nil
}

func (w *World) listUnitsForParent(q *request, in organizationQuery) (any, *apiError) {
	type unit struct{ Id, Name string }
	var out struct {
		OrganizationalUnits []unit
		NextToken           string `json:",omitempty"`
	}
	apiErr := w.mayAsk(q, in)
	if apiErr != nil || in.ParentId != organizationRoot {
		return out, apiErr
	}
	for _, a := range w.accounts {
		if u := (unit{a.Unit, a.Unit}); a.Unit != "" && !slices.Contains(out.OrganizationalUnits, u) {
			out.OrganizationalUnits = append(out.OrganizationalUnits, u)
		}
	}
	out.OrganizationalUnits, out.NextToken = pageOf(out.OrganizationalUnits, in.NextToken)
	return out, nil
}

// mayAsk refuses a request that is not of the account that manages the organization, or
// not about a root or a unit that there is.
func (w *World) mayAsk(q *request, in organizationQuery) *apiError {
	if q.account != w.accounts[0] {
		return badRequest("AccessDeniedException", "You don't have permissions to access this resource.")
	}
	if in.ParentId != "" && in.ParentId != organizationRoot && !slices.ContainsFunc(w.accounts, func(a *Account) bool { return a.Unit == in.ParentId }) {
		return badRequest("ParentNotFoundException", "You specified parent that doesn't exist.")
	}
	return nil
}

// listRegions tells the regions that the scenario declares of an account as enabled.
func (w *World) listRegions(q *request, in struct{ AccountId string }) (any, *apiError) {
	of := q.account
	if in.AccountId != "" {
		of = w.account(in.AccountId)
		refused := "User: " + q.identity.arn + " is not authorized to perform: account:ListRegions"
		switch {
		case of != nil && of == w.accounts[0]: // recorded in aws-samples/data-perimeter-helper, issue 8
			return nil, accessDenied(refused + " (The management account can only be managed using the standalone context from the management account)")
		case of == nil, q.account != w.accounts[0], matches(of.Deny, "account:ListRegions"):
			return nil, accessDenied(refused + " on resource: " + in.AccountId)
		}
	}
	type region struct{ RegionName, RegionOptStatus string }
	var out struct{ Regions []region }
	for _, r := range of.regions() {
		out.Regions = append(out.Regions, region{r, "ENABLED_BY_DEFAULT"})
	}
	return out, nil
}

// pageOf cuts a page out of a list; the token is where the next one begins.
func pageOf[T any](all []T, token string) (page []T, next string) {
	from, _ := strconv.Atoi(token)
	from = min(max(from, 0), len(all))
	to := min(from+organizationPage, len(all))
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return all[from:to], next
}
