package openapi

import "nexus/schema"

// routinePath writes the path of a function. One that may change data takes POST only.
func (d *document) routinePath(r *schema.Routine) {
	d.key("/rpc/", r.Name)
	d.object(func() {
		if r.Volatility != schema.Volatile {
			d.routineOperation("get", r, func() {
				for _, p := range r.Params {
					d.object(func() { d.queryParameter(p) })
				}
			})
		}
		d.routineOperation("post", r, func() {
			d.object(func() { d.argsParameter(r) })
			d.ref(refParameters, "preferParams")
		})
	})
}

func (d *document) routineOperation(verb string, r *schema.Routine, parameters func()) {
	d.key(verb)
	d.object(func() {
		d.description(r.Description)
		if verb == "post" || len(r.Params) > 0 {
			d.key("parameters")
			d.array(parameters)
		}
		d.list("produces", objectTypes()...)
		d.responses("200", "OK")
		d.summary(r.Description)
		d.list("tags", "(rpc) "+r.Name)
	})
}

// queryParameter writes an argument as part of a URL. An array is one text there ("{1,2}"), but for a variadic argument, which
// is repeated.
func (d *document) queryParameter(p schema.Parameter) {
	if p.Variadic {
		d.variadicParameter(p)
		return
	}
	d.member("format", p.Type)
	d.member("in", inQuery)
	d.member("name", p.Name)
	d.flag("required", p.Required)
	switch swagger := swaggerType(p.Type); swagger {
	case typeArray, typeAny:
		d.member("type", typeString)
	default:
		d.member("type", swagger)
	}
}

func (d *document) variadicParameter(p schema.Parameter) {
	d.member("collectionFormat", "multi")
	d.member("in", inQuery)
	d.key("items")
	d.object(func() {
		element := elementType(p.Type)
		d.member("format", element)
		d.optional("type", swaggerType(element))
	})
	d.member("name", p.Name)
	d.flag("required", p.Required)
	d.member("type", swaggerType(p.Type))
}

// argsParameter writes the body that carries all arguments.
func (d *document) argsParameter(r *schema.Routine) {
	d.member("in", "body")
	d.member("name", "args")
	d.flag("required", true)
	d.key("schema")
	d.object(func() {
		d.optional("description", r.Description)
		d.argsProperties(r)
		d.member("type", "object")
	})
}

func (d *document) argsProperties(r *schema.Routine) {
	if len(r.Params) == 0 {
		return
	}
	var required []string
	d.key("properties")
	d.object(func() {
		for _, p := range r.Params {
			if p.Required {
				required = append(required, p.Name)
			}
			d.key(p.Name)
			d.object(func() {
				d.member("format", p.Type)
				d.typed(p.Type)
			})
		}
	})
	if len(required) > 0 {
		d.list("required", required...)
	}
}
