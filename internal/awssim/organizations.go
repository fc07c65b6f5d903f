package awssim

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
)

// The organization of a scenario: its accounts, of which the first manages it. An
// account with a unit is right under that unit, and each unit right under the root.

// organizationRoot is the one root of every scenario.
const organizationRoot = "r-sim1"

// organizationPage is how many accounts or units a page of AWS Organizations holds.
const organizationPage = 20

type organizationQuery struct{ ParentId, NextToken string }

type organizationAccount struct{ Id, Arn, Name, State, Status string }

func (w *World) listOrganizationAccounts(q *request) (any, *apiError) {
	return w.accountsUnder(q, func(*account, string) bool { return true })
}

func (w *World) listAccountsForParent(q *request) (any, *apiError) {
	return w.accountsUnder(q, func(a *account, parent string) bool { return cmp.Or(a.unit, organizationRoot) == parent })
}

func (w *World) accountsUnder(q *request, under func(a *account, parent string) bool) (any, *apiError) {
	var out struct {
		Accounts  []organizationAccount
		NextToken string `json:",omitempty"`
	}
	in, apiErr := w.organizationQuery(q)
	if apiErr != nil {
		return nil, apiErr
	}
	for _, a := range w.accounts {
		if under(a, in.ParentId) {
			out.Accounts = append(out.Accounts, organizationAccount{
				Id: a.id, Arn: "arn:" + partition(q.region) + ":organizations::" + w.accounts[0].id + ":account/o-simulated1/" + a.id,
				Name: "account-" + a.id, State: "ACTIVE", Status: "ACTIVE",
			})
		}
	}
	out.Accounts, out.NextToken = pageOf(out.Accounts, in.NextToken)
	return out, nil
}

func (w *World) listUnitsForParent(q *request) (any, *apiError) {
	type unit struct{ Id, Name string }
	var out struct {
		OrganizationalUnits []unit
		NextToken           string `json:",omitempty"`
	}
	in, apiErr := w.organizationQuery(q)
	if apiErr != nil || in.ParentId != organizationRoot {
		return out, apiErr
	}
	for _, a := range w.accounts {
		if u := (unit{a.unit, a.unit}); a.unit != "" && !slices.Contains(out.OrganizationalUnits, u) {
			out.OrganizationalUnits = append(out.OrganizationalUnits, u)
		}
	}
	out.OrganizationalUnits, out.NextToken = pageOf(out.OrganizationalUnits, in.NextToken)
	return out, nil
}

// organizationQuery reads a request, which only the account that manages the organization
// may make, about a root or a unit that there is.
func (w *World) organizationQuery(q *request) (in organizationQuery, apiErr *apiError) {
	if err := json.Unmarshal(q.body, &in); err != nil {
		return in, unparsable(err)
	}
	if q.account != w.accounts[0] {
		return in, badRequest("AccessDeniedException", "You don't have permissions to access this resource.")
	}
	if in.ParentId != "" && in.ParentId != organizationRoot && !slices.ContainsFunc(w.accounts, func(a *account) bool { return a.unit == in.ParentId }) {
		return in, badRequest("ParentNotFoundException", "You specified parent that doesn't exist.")
	}
	return in, nil
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
		case of == nil, q.account != w.accounts[0], matches(of.deny, "account:ListRegions"):
			return nil, accessDenied(refused + " on resource: " + in.AccountId)
		}
	}
	type region struct{ RegionName, RegionOptStatus string }
	var out struct{ Regions []region }
	for _, r := range of.regions {
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
