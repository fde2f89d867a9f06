// Sends events, the second of them half a second after the first.
Deno.serve(() => {
  const encoder = new TextEncoder();
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(encoder.encode("data: first\n\n"));
      await new Promise((done) => setTimeout(done, 500));
      controller.enqueue(encoder.encode("data: second\n\n"));
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
});
