Deno.serve((req) => {
  switch (new URL(req.url).searchParams.get("how")) {
    case "status":
      return Response.json({ reason: "teapot" }, { status: 418 });
    case "exit":
      return Deno.exit(1);
    default:
      throw new Error("on purpose");
  }
});
