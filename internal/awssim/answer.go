package awssim

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is a response before it is written to a socket or handed back.
type answer struct {
	status      int
	code        string // of the error, "" for success
	contentType string
	errorType   string // x-amzn-ErrorType
	requestID   string
	retryAfter  string
	body        []byte
	fault       fault
}

func (a *answer) header() http.Header {
	h := http.Header{}
	for name, value := range map[string]string{
		"Content-Type": a.contentType, "X-Amzn-Requestid": a.requestID,
		"X-Amzn-Errortype": a.errorType, "Retry-After": a.retryAfter,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	return h
}

const (
	typeJSON    = "application/json"
	typeTagging = "application/x-amz-json-1.1"
	typeXML     = "text/xml"
)

// succeed is the answer of a call that went well. A nil result has no body.
func (q *request) succeed(result any) *answer {
	a := &answer{status: q.op.status, requestID: q.requestID, contentType: typeJSON}
	switch {
	case q.service == "sts":
		a.contentType, a.body = typeXML, encodeXML(result)
		return a
	case q.service == "tagging":
		a.contentType = typeTagging
	}
	if result != nil {
		a.body = encode(result)
	}
	return a
}

// refuse is the answer of a call that was refused, in the style of its service.
func (q *request) refuse(r *apiError) *answer {
	a := &answer{status: r.status, code: r.code, requestID: q.requestID}
	switch q.service {
	case "sts":
		a.contentType, a.body = typeXML, encodeXML(stsError(r, q.requestID))
	case "tagging":
		// JSON 1.1 answers 400 to every fault of the caller, and names it in the body.
		if a.status < 500 {
			a.status = 400
		}
		a.contentType = typeTagging
		a.body = encode(struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}{r.code, r.message})
	default:
		a.contentType, a.errorType = typeJSON, r.code
		a.body = bytes.Replace([]byte(r.lambda), []byte("%"), encode(r.message), 1)
	}
	return a
}

// encode writes JSON as AWS does: < > & as they are, no newline at the end.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("awssim: cannot encode its own answer: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func encodeXML(v any) []byte {
	b, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		panic("awssim: cannot encode its own answer: " + err.Error())
	}
	return append(b, '\n')
}

// epoch is a time as Lambda writes it in a config record: Unix seconds with
// milliseconds, in E-notation, as 1.789313524486E9.
type epoch time.Time

func (e epoch) MarshalJSON() ([]byte, error) {
	seconds := float64(time.Time(e).UnixMilli()) / 1000
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(seconds, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, err := strconv.Atoi(exponent)
	return []byte(mantissa + "E" + strconv.Itoa(n)), err
}

// apiError is an error answer, before it is written in the way of its service.
type apiError struct {
	status  int
	code    string
	message string
	lambda  string // Lambda's body, with % for the message
}

// Lambda spells the body by the shape of the error.
const (
	bodyLower   = `{"Type":"User","message":%}`
	bodyUpper   = `{"Type":"User","Message":%}`
	bodyService = `{"Type":"Service","Message":%}`
	bodyBare    = `{"message":%}`
	bodyBareUp  = `{"Message":%}`
	bodyReason  = `{"Reason":"CallerRateLimitExceeded","Type":"User","message":%}`
	bodyNull    = `{"Message":null}`
)

var (
	tooManyRequests     = &apiError{429, "TooManyRequestsException", "Rate exceeded", bodyReason}
	throttling          = &apiError{400, "ThrottlingException", "Rate exceeded", bodyBare}
	throttledTagging    = &apiError{400, "ThrottledException", "Rate exceeded", bodyBare}
	serviceFault        = &apiError{500, "ServiceException", "An error occurred and the request cannot be processed.", bodyService}
	otherAccount        = &apiError{403, "AccessDeniedException", "", bodyNull} // AWS says nothing more
	missingToken        = &apiError{403, "MissingAuthenticationTokenException", "Missing Authentication Token", bodyBare}
	incompleteSignature = &apiError{403, "IncompleteSignatureException", "Authorization header requires 'Credential' parameter.", bodyBare}
	unrecognizedClient  = &apiError{403, "UnrecognizedClientException", "The security token included in the request is invalid.", bodyBare}
	expiredToken        = &apiError{403, "ExpiredTokenException", "The security token included in the request is expired", bodyBare}
	noFunction          = notFound("The function doesn't exist.")
)

func badRequest(code, message string) *apiError { return &apiError{400, code, message, bodyBare} }

func invalidParameter(message string) *apiError {
	return &apiError{400, "InvalidParameterValueException", message, bodyLower}
}

func notFound(message string) *apiError {
	return &apiError{404, "ResourceNotFoundException", message, bodyUpper}
}

func conflict(message string) *apiError {
	return &apiError{409, "ResourceConflictException", message, bodyLower}
}

func unparsable(err error) *apiError {
	return &apiError{400, "SerializationException", "The request body is not what this operation takes: " + err.Error(), bodyBareUp}
}

func accessDenied(message string) *apiError {
	return &apiError{403, "AccessDeniedException", message, bodyBareUp}
}
