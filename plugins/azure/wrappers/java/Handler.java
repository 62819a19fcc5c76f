package org.serverlessbench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.microsoft.azure.functions.ExecutionContext;
import com.microsoft.azure.functions.HttpMethod;
import com.microsoft.azure.functions.HttpRequestMessage;
import com.microsoft.azure.functions.HttpResponseMessage;
import com.microsoft.azure.functions.HttpStatus;
import com.microsoft.azure.functions.annotation.AuthorizationLevel;
import com.microsoft.azure.functions.annotation.HttpTrigger;
import function.Function;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.logging.Level;

/** The entry point on Azure Functions: hands a request to the benchmark and wraps what it returns. */
public final class Handler {
    private static final ObjectMapper JSON =
            new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    private static final Function FUNCTION = new Function();

    /** Answers an HTTP request; an exception of the benchmark is a response with status 500. */
    public HttpResponseMessage handleRequest(
            @HttpTrigger(
                            name = "req",
                            methods = {HttpMethod.GET, HttpMethod.POST},
                            authLevel = AuthorizationLevel.ANONYMOUS)
                    HttpRequestMessage<Optional<String>> request,
            ExecutionContext context)
            throws JsonProcessingException {
        Invocation invocation = new Invocation(context.getInvocationId());
        try {
            return response(request, HttpStatus.OK, invocation.run(FUNCTION, event(request)));
        } catch (BadRequest error) {
            return response(request, HttpStatus.BAD_REQUEST, invocation.errorBody(error));
        } catch (Throwable error) {
            context.getLogger().log(Level.SEVERE, "the benchmark failed", error);
            return response(request, HttpStatus.INTERNAL_SERVER_ERROR, invocation.errorBody(error));
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> event(HttpRequestMessage<Optional<String>> request) throws BadRequest {
        String body = request.getBody().orElse("");
        if (body.isEmpty()) {
            return new LinkedHashMap<>();
        }
        Object event;
        try {
            event = JSON.readValue(body, Object.class);
        } catch (JsonProcessingException error) {
            throw new BadRequest("the request's body is not JSON: " + error.getMessage());
        }
        if (!(event instanceof Map)) {
            throw new BadRequest("the request's body is JSON, but not an object");
        }
        return (Map<String, Object>) event;
    }

    private static HttpResponseMessage response(
            HttpRequestMessage<Optional<String>> request, HttpStatus status, Map<String, Object> body)
            throws JsonProcessingException {
        return request.createResponseBuilder(status)
                .header("Content-Type", "application/json")
                .body(JSON.writeValueAsString(body))
                .build();
    }
}
