package awslambda

import (
	"strings"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// The codes under which Lambda says several things.
const (
	codeInvalid    errorCode = "InvalidParameterValueException"
	codeValidation errorCode = "ValidationException"
	codeNotFound   errorCode = "ResourceNotFoundException"
)

// refusalText tells apart what AWS says under one code. This table is the only
// place where a message text decides anything.
type refusalText struct {
	code errorCode
	text string // a part of the message, as AWS wrote it in recorded answers
	kind reconcile.Kind
	hint string // %-free; the role hint is built from the message
}

// roleText marks a refusal because of the function's own role. Its hint depends
// on the verb in the message.
const roleText = "does not have permissions to call"

func refusalTexts() []refusalText {
	return []refusalText{
		{codeInvalid, roleText, reconcile.KindRefused, ""},
		{codeInvalid, "The destination ARN ", reconcile.KindRefused,
			"check that the destination exists, in this account and partition; if it was created just now, run again"},
		{codeInvalid, "You can't specify the function as a destination for itself", reconcile.KindRefused,
			"name another destination: a function that feeds itself would loop"},
		{codeInvalid, "The provided destination config DestinationConfig(", reconcile.KindRefused,
			"use a standard SQS queue or SNS topic (not FIFO), a function, an event bus, or for on_failure only an S3 bucket as arn:PARTITION:s3:::NAME"},
		{codeInvalid, "FIFO-type Amazon SNS topics aren't supported as a destination", reconcile.KindRefused,
			"use a standard SNS topic: FIFO topics are no destinations"},
		{codeInvalid, "Error occurred while ListBucket. S3 Error Code: 404", reconcile.KindRefused,
			"create the bucket, or correct its name"},
		{codeInvalid, "Error occurred while ", reconcile.KindRefused,
			"allow s3:PutObject and s3:ListBucket on the bucket for the function's execution role, and check that the bucket exists; a fresh permission took about 30 s to count"},
		{codeInvalid, "You must specify at least one of error handling or destination setting", reconcile.KindInvalid,
			"declare at least one field, or remove: true to have no record"},
		{codeInvalid, "The derived qualifier from the function name does not match", reconcile.KindInvalid,
			"give the qualifier once: in the function's name or beside it"},
		{codeInvalid, "The function name must not include a version number or alias", reconcile.KindInvalid,
			"list by the plain function name: the answer holds all qualifiers"},
		{codeInvalid, "Invalid pagination key", reconcile.KindInvalid,
			"run again: the listing changed while it was read"},
		{codeValidation, "estination' failed to satisfy constraint", reconcile.KindInvalid,
			"write the destination as an ARN of at most 350 characters; a queue URL is not one"},
		{codeNotFound, "doesn't have an EventInvokeConfig", reconcile.KindRecordMissing,
			"the record is not there, or not any more; run again to plan from what is"},
		{codeNotFound, "are not reachable in this region", reconcile.KindInvalid,
			"put the function under the target of its own region"},
		{codeNotFound, "Alias not found:", reconcile.KindFunctionMissing,
			"create the alias, or take its entry out of the fleet file"},
	}
}

func textOf(code errorCode, message string) (refusalText, bool) {
	if code != codeInvalid && code != codeNotFound && code != codeValidation {
		return refusalText{}, false
	}
	for _, t := range refusalTexts() {
		if t.code == code && strings.Contains(message, t.text) {
			return t, true
		}
	}
	return refusalText{}, false
}
