package org.serverlessbench;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import function.Function;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;

/** The entry point on AWS Lambda: hands a request to the benchmark and wraps what it returns. */
public final class Handler implements RequestStreamHandler {
    private static final ObjectMapper JSON =
            new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    private static final Function FUNCTION = new Function();

    /**
     * Answers a direct invocation, an API Gateway or a function URL.
     *
     * <p>An exception of the benchmark is Lambda's to report after a direct invocation; over HTTP it
     * is a response with status 500.
     */
    @Override
    public void handleRequest(InputStream input, OutputStream output, Context context) throws IOException {
        Invocation invocation = new Invocation(context.getAwsRequestId());
        JSON.writeValue(output, answer(invocation, JSON.readValue(input, Object.class)));
    }

    private static Map<String, Object> answer(Invocation invocation, Object event) {
        if (!isHttp(event)) {
            return response(200, invocation.run(FUNCTION, directRequest(event)));
        }
        try {
            return response(200, invocation.run(FUNCTION, httpRequest((Map<?, ?>) event)));
        } catch (BadRequest error) {
            return response(400, invocation.errorBody(error));
        } catch (Throwable error) {
            error.printStackTrace();
            return response(500, invocation.errorBody(error));
        }
    }

    /** Whether it came from an API Gateway (REST or HTTP) or a function URL. */
    private static boolean isHttp(Object event) {
        if (!(event instanceof Map) || !(((Map<?, ?>) event).get("requestContext") instanceof Map)) {
            return false;
        }
        Map<?, ?> context = (Map<?, ?>) ((Map<?, ?>) event).get("requestContext");
        return context.containsKey("http")
                || context.containsKey("httpMethod")
                || ((Map<?, ?>) event).containsKey("httpMethod");
    }

    private static Map<String, Object> httpRequest(Map<?, ?> event) throws BadRequest {
        Object body = event.get("body");
        if (body == null || body.equals("")) {
            return new LinkedHashMap<>();
        }
        Object request;
        try {
            String text = String.valueOf(body);
            if (Boolean.TRUE.equals(event.get("isBase64Encoded"))) {
                text = new String(Base64.getMimeDecoder().decode(text), StandardCharsets.UTF_8);
            }
            request = JSON.readValue(text, Object.class);
        } catch (JsonProcessingException | IllegalArgumentException error) {
            throw new BadRequest("the request's body is not JSON: " + error.getMessage());
        }
        if (!(request instanceof Map)) {
            throw new BadRequest("the request's body is JSON, but not an object");
        }
        return object(request);
    }

    /** The event, or the JSON object that is its body's text. */
    private static Map<String, Object> directRequest(Object event) {
        if (!(event instanceof Map)) {
            throw new IllegalArgumentException("the event is JSON, but not an object");
        }
        if (((Map<?, ?>) event).get("body") instanceof String) {
            try {
                return httpRequest((Map<?, ?>) event);
            } catch (BadRequest error) {
                // It is text of the event's own.
            }
        }
        return object(event);
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(Object map) {
        return (Map<String, Object>) map;
    }

    private static Map<String, Object> response(int status, Map<String, Object> body) {
        Map<String, Object> response = new LinkedHashMap<>();
        response.put("statusCode", status);
        response.put("headers", Map.of("Content-Type", "application/json"));
        try {
            response.put("body", JSON.writeValueAsString(body));
        } catch (JsonProcessingException error) {
            throw new IllegalStateException("the benchmark's result cannot be written as JSON", error);
        }
        return response;
    }
}
