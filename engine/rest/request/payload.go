package request

import (
	"slices"

	"nexus/engine/apierr"
)

const (
	msgInvalidJSON = "Empty or invalid json"
	msgKeysDiffer  = "All object keys must match"
	msgLinesDiffer = "All lines must have same number of fields"
)

// parsePayload reads the body of an action that wants one into Payload and Columns.
func (r *Request) parsePayload(body []byte) *apierr.Error {
	isCall := r.Action == CallRoutine
	switch r.Action {
	case CreateRows, UpdateRows, UpsertRow:
	case CallRoutine:
		if r.SafeCall {
			return nil
		}
	default:
		return nil
	}
	var err *apierr.Error
	switch {
	case r.ContentType.Name == TypeJSON && r.Query.HasColumns && r.Action != UpsertRow:
		r.Payload, err = rawPayload(PayloadRawJSON, body)
		r.Columns = r.Query.Columns
		return err
	case r.ContentType.Name == TypeJSON:
		r.Payload, err = jsonPayload(body, isCall)
	case r.ContentType.Name == TypeCSV:
		r.Payload, err = csvPayload(body)
	case r.ContentType.Name == TypeForm:
		r.Payload, err = formPayload(body, isCall)
	case isCall && (r.ContentType.Name == TypeText || r.ContentType.Name == TypeXML):
		r.Payload, err = rawPayload(PayloadRaw, body)
	case isCall && r.ContentType.Name == TypeBytes:
		r.Payload = Payload{Kind: PayloadRaw, Raw: body}
	default:
		err = errBody("Content-Type not acceptable: " + r.ContentType.Mime())
	}
	r.Columns = r.Payload.Keys
	return err
}

// rawPayload passes a text on as it is.
func rawPayload(kind PayloadKind, body []byte) (Payload, *apierr.Error) {
	return Payload{Kind: kind, Raw: body}, checkBytes(body)
}

// jsonPayload checks a JSON body and collects its keys. A call without a body has no arguments; a body that is neither
// an object nor an array counts as an empty array.
func jsonPayload(body []byte, isCall bool) (Payload, *apierr.Error) {
	if len(body) == 0 && isCall {
		return Payload{Kind: PayloadJSON, Raw: body}, nil
	}
	doc, ok := scanJSON(body)
	switch {
	case !ok:
		return Payload{}, errBody(msgInvalidJSON)
	case doc.keysDiffer:
		return Payload{}, errBody(msgKeysDiffer)
	case !doc.hasObjects:
		return Payload{Kind: PayloadJSON, Raw: []byte("[]")}, nil
	}
	return Payload{Kind: PayloadJSON, Raw: body, Keys: uniqueSorted(doc.keys)}, nil
}

// formPayload reads url-encoded pairs: arguments of a call, or one row of texts, where the last pair of a name counts.
func formPayload(body []byte, isCall bool) (Payload, *apierr.Error) {
	text := string(body)
	if text != "" && text[0] == '?' {
		text = text[1:]
	}
	pairs, err := splitPairs(nil, text)
	if err != nil {
		return Payload{}, err
	}
	form := make([]RPCParam, len(pairs))
	keys := make([]string, len(pairs))
	for i, p := range pairs {
		form[i], keys[i] = RPCParam{p.key, p.value}, p.key
	}
	keys = uniqueSorted(keys)
	if isCall {
		return Payload{Kind: PayloadForm, Form: form, Keys: keys}, nil
	}
	values := make(map[string]string, len(form))
	for _, param := range form {
		values[param.Name] = param.Value
	}
	raw := []byte{'{'}
	for i, key := range keys {
		if i > 0 {
			raw = append(raw, ',')
		}
		raw = append(appendJSONString(raw, key), ':')
		raw = appendJSONString(raw, values[key])
	}
	return Payload{Kind: PayloadJSON, Raw: append(raw, '}'), Keys: slices.Clip(keys)}, nil
}
