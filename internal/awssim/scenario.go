package awssim

import "time"

// Scenario describes a world: who lives in it, how fast it answers, and what goes
// wrong. Its zero value has no quota, no latency, no faults and no account, so a
// test sets only what it is about. The YAML keys are in docs/simulate.md.
type Scenario struct {
	// Version is the version of the file format, 1. In Go it may be left out.
	Version int `yaml:"version"`
	// Seed is where all randomness comes from, list order included.
	Seed uint64 `yaml:"seed"`
	// Quota is per account and region.
	Quota Quota `yaml:"quota"`
	// Latency is how long each call takes: half on its way to the API, half in
	// it. A write occupies its function for the second half.
	Latency time.Duration `yaml:"latency"`
	Faults  Faults        `yaml:"faults"`
	// Trail is how CloudTrail's event history tells of it all.
	Trail Trail `yaml:"trail"`
	// MissingBuckets are S3 buckets that do not exist; every other bucket does.
	MissingBuckets []string `yaml:"missing_buckets"`
	// Destinations are the ARNs of all queues, topics, buses and buckets that exist
	// for whoever looks them up. Nil, they all do. Writes do not look at it.
	Destinations []string `yaml:"destinations"`
	// CallLog is how many of the latest calls World.Calls remembers: 0 is
	// 100,000, a negative number none. Counters do not depend on it.
	CallLog  int       `yaml:"call_log"`
	Accounts []Account `yaml:"accounts"`
}

// Quota limits all Lambda calls of one account and region together, but for
// GetFunction, which has its own limit. A Rate of 0 is no limit at all.
type Quota struct {
	Rate float64 `yaml:"rate"`
	// Burst is the size of the bucket; 0 is one second's worth.
	Burst float64 `yaml:"burst"`
	// Shape is "bucket" (the default) or "window": a fixed second that admits
	// Rate calls.
	Shape string `yaml:"shape"`
	// ChargeRejected makes a rejected call spend what has come back of the next
	// token, so that a caller who keeps pushing is never admitted.
	ChargeRejected bool `yaml:"charge_rejected"`
	// GetFunctionRate is the limit of GetFunction; 0 is the documented 100.
	GetFunctionRate float64 `yaml:"get_function_rate"`
	// RetryAfter, when set, is sent as Retry-After with every throttle.
	RetryAfter time.Duration `yaml:"retry_after"`
	// ThrottlingException is the share of throttles that answer 400
	// ThrottlingException in place of 429 TooManyRequestsException.
	ThrottlingException float64 `yaml:"throttling_exception"`
}

// Faults are chances from 0 to 1, per call unless noted. They apply to Lambda
// and to the tagging API, never to STS.
type Faults struct {
	// Throttle answers as an exceeded quota does.
	Throttle float64 `yaml:"throttle"`
	// Conflict answers 409, per Put, Update and Delete that is otherwise acceptable.
	Conflict float64 `yaml:"conflict"`
	// ServerError answers 500, 502, 503 or 504. A write that is answered 504 was done.
	ServerError float64 `yaml:"server_error"`
	// Reset breaks the connection, half of the time after the call was done.
	Reset float64 `yaml:"reset"`
	// Lost does the call and never answers.
	Lost float64 `yaml:"lost"`
	// Truncate does the call and cuts the body of its answer short.
	Truncate float64 `yaml:"truncate"`
	// ShortPage halves a page of any listing, so that it ends early with more to come.
	ShortPage float64 `yaml:"short_page"`
	// Merge "replace" makes Update replace DestinationConfig as a whole where the
	// body names it, as a server that merges wrongly would.
	Merge string `yaml:"merge"`
	// EndlessPages gives the last page of every listing a marker that leads back to
	// the first, so that a listing has no end.
	EndlessPages bool `yaml:"endless_pages"`
}

// Account is one AWS account. A region that it does not list exists and is empty.
type Account struct {
	Account string `yaml:"account"`
	// Unit is the organizational unit that the account is right under, such as
	// ou-ab12-cdef3456. All accounts are of one organization, which the first manages.
	Unit string `yaml:"unit"`
	// Deny lists IAM actions that everybody in the account is refused, such as
	// "lambda:ListFunctionEventInvokeConfigs" or "lambda:*".
	Deny []string `yaml:"deny"`
	// Roles are the roles that can be assumed. With none listed, any role can.
	Roles []Role `yaml:"roles"`
	// Senders say which destinations functions may send to, by their execution role.
	// A role that is not listed may send to all.
	Senders []Sender          `yaml:"senders"`
	Regions map[string]Region `yaml:"regions"`
}

// Role is a role that AssumeRole may be asked for.
type Role struct {
	// Name is the role's name without its path.
	Name string `yaml:"name"`
	// ExternalID, when set, must be sent with AssumeRole.
	ExternalID string `yaml:"external_id"`
	// Refuse makes AssumeRole answer AccessDenied.
	Refuse bool `yaml:"refuse"`
	// Deny lists IAM actions that sessions of the role are refused.
	Deny []string `yaml:"deny"`
	// ExpiresAfter, when set, ends sessions that long after they began, whatever
	// Expiration they were promised.
	ExpiresAfter time.Duration `yaml:"expires_after"`
}

// Sender is an execution role and what it may send to.
type Sender struct {
	// Role is the role's name without its path.
	Role string `yaml:"role"`
	// To are the ARNs that it may send to; * stands for anything.
	To []string `yaml:"to"`
	// After is how long after the start that begins to count; until then it may send to nothing.
	After time.Duration `yaml:"after"`
}

// Region holds the functions of one account in one region.
type Region struct {
	// Deny lists IAM actions that everybody is refused in this region alone.
	Deny      []string   `yaml:"deny"`
	Functions []Function `yaml:"functions"`
}

// Function is one function, or with Count a numbered series of them that are alike.
type Function struct {
	// Name is the name, or with Count a pattern with one %d verb ("orders-%03d").
	Name  string `yaml:"name"`
	Count int    `yaml:"count"`
	// Versions are published versions: numbers.
	Versions []string `yaml:"versions"`
	// Aliases point at the last version, or at $LATEST when there is none.
	Aliases []string `yaml:"aliases"`
	// Tags: nil is a function that was never tagged, which the tagging API does
	// not know; an empty map is one whose tags were removed.
	Tags map[string]string `yaml:"tags"`
	// Role is the name of the execution role; left out, the function's own name.
	Role string `yaml:"role"`
	// DeadLetterQueue is the ARN of the function's own dead-letter queue or topic.
	DeadLetterQueue string `yaml:"dead_letter_queue"`
	// BusyFor is how long from the start writes answer 409.
	BusyFor time.Duration `yaml:"busy_for"`
	// Refuse, when set, is the text with which Put and Update answer 400.
	Refuse string `yaml:"refuse"`
	// Deny lists IAM actions on this function that everybody is refused.
	Deny []string `yaml:"deny"`
	// Throttled lists IAM actions on this function that always answer as an
	// exceeded quota does.
	Throttled []string `yaml:"throttled"`
	// Records by qualifier; $LATEST is the unqualified function. A qualifier that
	// is neither a version nor an alias makes an orphan, as deleting an alias may.
	Records map[string]Record `yaml:"records"`
}

// Record is one event invoke config. Nil and "" are settings that are not set.
//
// Its tags are the table of the settings, in the order of the wire: the key in a
// scenario, the key on the wire (GROUP.NAME for one inside an object), a number's
// range, and whether a destination takes S3. A further setting is one field here.
type Record struct {
	MaximumRetryAttempts     *int   `yaml:"maximum_retry_attempts" wire:"MaximumRetryAttempts" range:"0-2"`
	MaximumEventAgeInSeconds *int   `yaml:"maximum_event_age_in_seconds" wire:"MaximumEventAgeInSeconds" range:"60-21600"`
	OnSuccess                string `yaml:"on_success" wire:"DestinationConfig.OnSuccess"`
	OnFailure                string `yaml:"on_failure" wire:"DestinationConfig.OnFailure" takes:"s3"`
	// LastModified is set by the world when it is zero.
	LastModified time.Time `yaml:"last_modified"`
	// Age, when LastModified is zero, is how long ago the record was written.
	Age time.Duration `yaml:"age"`
	// By and Agent are who wrote the record, for the event history: user/NAME,
	// role/NAME, role/NAME/SESSION or root, and a user agent. A record of the
	// scenario's beginning that names nobody was written before the history begins;
	// later ones are somebody's, with the console.
	By    string `yaml:"by"`
	Agent string `yaml:"agent"`
}

// Fleet is a scenario of one account and region with the given functions and no
// quota: the usual start of a test.
func Fleet(account, region string, functions ...Function) *Scenario {
	return &Scenario{Version: 1, Accounts: []Account{{
		Account: account,
		Regions: map[string]Region{region: {Functions: functions}},
	}}}
}
