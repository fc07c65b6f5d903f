package report

import "github.com/eventinvoke/eventinvoke/reconcile"

// topic is what a remark is about. What there is to know beside the changes is told topic by
// topic, in this order.
type topic int

const (
	aChange    topic = iota // that was planned, or made: it is worth no note
	runStopped              // what cut the run short, and what it could not see
	targetStopped
	targetEnded
	targetUnknown
	targetUnread
	unreadable
	notExamined
	again // changes that were not made
	failed
	sameCause
	stale
	waiting
	notAttempted
	refused // the plan, or to make one
	membership
	fought
	redeployed
	authors
	functionMissing
	qualifierMissing
	noWayBack
	undeclared
	orphan
	latestOnly
	requirements
	unjudged
	destinations
	unavailable
	warned
	ignored
	passedOver
	numTopics
)

// topicSpec is how remarks of a topic are told together. What fills the slots of its texts, such
// as {where} for the target or how many there are, is in fill.
type topicSpec struct {
	title string // "" for an alert
	text  string
	warn  string // the text where the fleet file lets it be
	tone  color  // "": that of the worst remark

	noun, found string // as the head of text counts them; "" where it does not

	apart  func(*remark) string // remarks that differ in it have a note each; nil: all are one note
	causes bool                 // each cause is told once, with those that have it
	inline bool                 // the only cause is told in one sentence
	placed bool                 // each row says where it was declared
	at     bool                 // the note says where
	plan   bool                 // the plan has told it, and a run that writes does not
	bare   bool                 // it names none of them
	quiet  bool                 // nobody has to do anything
	write  func(*Run, bool) []note

	verdict verdict // of a finding
	risk    risk
	finding string
}

func bySaying(m *remark) string { return m.told() }
func byTarget(m *remark) string { return m.target.String() }
func byPlace(m *remark) string  { return m.at.at }
func byWhen(m *remark) string   { return m.when }

var topics = [numTopics]topicSpec{
	runStopped:    {bare: true, text: "{said}"},
	targetStopped: {bare: true, text: "{where} was not read to the end: {said}", apart: byTarget},
	targetEnded:   {bare: true, text: "{where} ended early: {said}", apart: byTarget},
	targetUnknown: {text: "{where}: could not be read, and it is unknown how many configs the rules choose there", noun: "target", found: " not read", causes: true},
	targetUnread:  {text: "{where}: could not be read", noun: "target", found: " not read", causes: true},
	unreadable: {text: "{where}: {n} of {of configs} could not be read", noun: "config", found: " not read", causes: true,
		verdict: erred, risk: losesEvents, finding: "could not be read"},
	notExamined: {text: "{where}: {n} of {of configs} not examined, the run ended before their turn", noun: "config", found: " not examined", bare: true,
		verdict: erred, risk: losesEvents, finding: "not examined: the run ended before its turn"},

	again:        {bare: true, text: "{where}: {said}", tone: yellow, apart: byTarget},
	failed:       {text: "{where}: {n} of {of changes} failed", noun: "config", found: " failed", causes: true},
	sameCause:    {text: "{where}: {changes} not attempted, for the same cause as others that were all refused", tone: yellow, noun: "config", found: " not attempted", causes: true},
	stale:        {text: "{where}: {changes} left alone as stale, the record is no longer what was seen", tone: yellow, noun: "config", found: " stale"},
	waiting:      {text: "{where}: the run ended while {changes} waited to be tried again", tone: yellow, noun: "config", found: " not attempted", causes: true},
	notAttempted: {text: "{where}: {changes} not attempted, the run ended before their turn", tone: yellow, noun: "config", found: " not attempted"},

	refused: {bare: true, text: "{said}", apart: bySaying},

	membership: {write: (*Run).membership},
	fought:     {write: (*Run).foughtOver, noun: "config", found: " fought over"},
	redeployed: {write: (*Run).writtenAgain, noun: "config", found: " that a deployment will write again"},
	authors:    {write: (*Run).tellAuthors},
	functionMissing: {title: "Missing functions", text: "{configs}. The exit code is 3, unless the fleet file says missing_functions: warn.",
		warn: "{configs}; {no error, as} the fleet file says missing_functions: warn.", noun: "config", found: " with no function", placed: true,
		verdict: differs, risk: losesEvents, finding: "declared, but the function does not exist"},
	qualifierMissing: {title: "Missing aliases or versions", text: "{configs}. The exit code is 3, unless the fleet file says missing_qualifiers: warn. Rules skip functions without it.",
		warn: "{configs}; {no error, as} the fleet file says missing_qualifiers: warn.", noun: "config", found: " with no such alias or version", placed: true,
		verdict: differs, risk: losesEvents, finding: "declared, but the function has no such alias or version"},
	noWayBack: {title: "Not put back", text: "{records}, under aliases or versions that are gone.", noun: "config", found: " not put back",
		verdict: erred, risk: losesEvents, finding: "not put back: the alias or version is gone"},
	undeclared: {title: "Undeclared", text: "{records} on declared functions, under qualifiers that nobody declared; left alone.", noun: "record", found: " undeclared", placed: true, plan: true,
		verdict: skipped, risk: noRisk, finding: "left alone: a record that nobody declared"},
	orphan: {title: "Orphans", text: "{records} on declared functions, under aliases or versions that are gone; left alone. remove: true deletes one, undeclared: delete all of them.", noun: "record", found: " orphaned", placed: true, plan: true,
		verdict: skipped, risk: noRisk, finding: "left alone: a record whose alias or version is gone"},
	latestOnly: {title: "Only $LATEST", text: "{declared functions} with aliases, which do not take over the settings of $LATEST. Calls through an alias follow the alias's own record: declare it too.", noun: "function", found: " with only $LATEST declared", placed: true, plan: true,
		verdict: skipped, risk: noRisk, finding: "the function has aliases, which do not take over the settings of $LATEST: declare them too"},

	requirements: {inline: true, text: "{breaks}{when}", noun: "breach", found: " of a requirement", apart: byPlace, causes: true, at: true},
	unjudged:     {inline: true, text: "{where}: {functions} could not be held against the requirements", noun: "function", found: " not held against the requirements", apart: byTarget, causes: true},
	destinations: {text: "{said}", noun: "destination", found: " taking nothing", apart: func(m *remark) string { return m.name + m.rule }, at: true},
	unavailable:  {bare: true, title: "Not known", text: "{said}", noun: "thing", found: " not known", apart: bySaying},
	warned:       {inline: true, bare: true, title: "{warnings}", noun: "warning", causes: true, plan: true},
	ignored:      {write: (*Run).ignoredBy, plan: true, quiet: true},
	passedOver:   {write: (*Run).passedOver, plan: true, quiet: true},
}

// findingTopics are those of what was found.
var findingTopics = map[reconcile.FindingKind]topic{
	reconcile.FindingUnreadable: unreadable, reconcile.FindingNotExamined: notExamined,
	reconcile.FindingFunctionMissing: functionMissing, reconcile.FindingQualifierMissing: qualifierMissing,
	reconcile.FindingUndeclared: undeclared, reconcile.FindingOrphan: orphan, reconcile.FindingLatestOnly: latestOnly,
}
