// Answers with what it got, in the form that is asked for.
Deno.serve(async (req) => {
  const url = new URL(req.url);
  const type = req.headers.get("content-type") ?? "";
  const form = url.searchParams.get("as");
  if (form === "bytes") {
    return new Response(await req.arrayBuffer(), { headers: { "content-type": "application/octet-stream" } });
  }
  if (form === "text") {
    return new Response(await req.text(), { headers: { "content-type": "text/plain" } });
  }
  if (form === "form") {
    return new Response(await req.formData());
  }
  const body = type.startsWith("multipart/form-data")
    ? Object.fromEntries([...(await req.formData())].map(([k, v]) => [k, typeof v === "string" ? v : v.name]))
    : await req.text();
  return Response.json({ method: req.method, path: url.pathname, query: url.search, type, body, authorization: req.headers.get("authorization") });
});
