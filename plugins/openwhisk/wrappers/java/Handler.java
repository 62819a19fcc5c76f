package org.serverlessbench;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonPrimitive;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import function.Function;
import java.io.IOException;
import java.io.StringReader;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The entry point on Apache OpenWhisk: hands a request to the benchmark and wraps what it returns. */
public final class Handler {
    // The runtime brings a Gson of its own, older or newer than the one in the package, which wins.
    private static final Gson JSON = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();
    private static final Function FUNCTION = new Function();
    private static final String[] SETTINGS = {"MINIO_STORAGE_", "NOSQL_STORAGE_"};
    private static final String WEB = "__ow_";

    private Handler() {}

    /**
     * Answers an invocation or a web action.
     *
     * <p>An exception of the benchmark is OpenWhisk's to report after an invocation; of a web action
     * it is a response with status 500.
     */
    public static JsonObject main(JsonObject parameters) throws Exception {
        Invocation invocation = new Invocation(requestId());
        JsonObject event = takeSettings(parameters);
        if (!event.has("__ow_method")) {
            return run(invocation, directRequest(event));
        }
        try {
            return run(invocation, httpRequest(event));
        } catch (BadRequest error) {
            return failure(400, invocation.errorBody(error));
        } catch (Throwable error) {
            error.printStackTrace();
            return failure(500, invocation.errorBody(error));
        }
    }

    private static JsonObject run(Invocation invocation, JsonObject request) {
        return JSON.toJsonTree(invocation.run(FUNCTION, map(request))).getAsJsonObject();
    }

    /** The parameters without the settings, which go where the benchmark may read them: system properties. */
    private static JsonObject takeSettings(JsonObject parameters) {
        JsonObject event = new JsonObject();
        for (Map.Entry<String, JsonElement> parameter : parameters.entrySet()) {
            String name = parameter.getKey();
            if (name.startsWith(SETTINGS[0]) || name.startsWith(SETTINGS[1])) {
                JsonElement value = parameter.getValue();
                System.setProperty(name, value.isJsonPrimitive() ? value.getAsString() : value.toString());
            } else {
                event.add(name, parameter.getValue());
            }
        }
        return event;
    }

    private static String requestId() {
        return System.getenv().getOrDefault("__OW_ACTIVATION_ID", "");
    }

    /** What a web action was sent: its parameters, or the JSON object of a raw body. */
    private static JsonObject httpRequest(JsonObject event) throws BadRequest {
        if (!event.has("__ow_body")) {
            JsonObject request = new JsonObject();
            for (Map.Entry<String, JsonElement> parameter : event.entrySet()) {
                if (!parameter.getKey().startsWith(WEB)) {
                    request.add(parameter.getKey(), parameter.getValue());
                }
            }
            return request;
        }
        JsonElement body = event.get("__ow_body");
        if (body.isJsonObject()) {
            return body.getAsJsonObject();
        }
        boolean isText = body.isJsonPrimitive() && body.getAsJsonPrimitive().isString();
        if (!body.isJsonNull() && !isText) {
            throw new BadRequest("the request's body is JSON, but not an object");
        }
        if (body.isJsonNull() || body.getAsString().isEmpty()) {
            return new JsonObject();
        }
        String text = body.getAsString();
        // OpenWhisk encodes the body of some content types, and does not say which it did.
        try {
            text = new String(Base64.getDecoder().decode(text), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException error) {
            // It is as it was sent.
        }
        return jsonObject(text);
    }

    private static JsonObject jsonObject(String text) throws BadRequest {
        JsonElement request;
        try {
            // Unlike fromJson of Gson itself, this takes JSON only, and all of it.
            JsonReader reader = new JsonReader(new StringReader(text));
            request = JSON.getAdapter(JsonElement.class).read(reader);
            if (reader.peek() != JsonToken.END_DOCUMENT) {
                throw new JsonParseException("something follows it");
            }
        } catch (JsonParseException | IOException error) {
            throw new BadRequest("the request's body is not JSON: " + error.getMessage());
        }
        if (request == null || !request.isJsonObject()) {
            throw new BadRequest("the request's body is JSON, but not an object");
        }
        return request.getAsJsonObject();
    }

    /** The event, or the JSON object that is its body's text. */
    private static JsonObject directRequest(JsonObject event) {
        JsonElement body = event.get("body");
        if (body != null && body.isJsonPrimitive() && body.getAsJsonPrimitive().isString()) {
            try {
                return body.getAsString().isEmpty() ? new JsonObject() : jsonObject(body.getAsString());
            } catch (BadRequest error) {
                // It is text of the event's own.
            }
        }
        return event;
    }

    /** Java's form of a JSON object: whole numbers are Integer or Long, others Double. */
    private static Map<String, Object> map(JsonObject object) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (Map.Entry<String, JsonElement> entry : object.entrySet()) {
            map.put(entry.getKey(), value(entry.getValue()));
        }
        return map;
    }

    private static Object value(JsonElement element) {
        if (element.isJsonObject()) {
            return map(element.getAsJsonObject());
        }
        if (element.isJsonArray()) {
            List<Object> list = new ArrayList<>();
            for (JsonElement item : (JsonArray) element) {
                list.add(value(item));
            }
            return list;
        }
        if (element.isJsonNull()) {
            return null;
        }
        JsonPrimitive primitive = element.getAsJsonPrimitive();
        if (primitive.isBoolean()) {
            return primitive.getAsBoolean();
        }
        return primitive.isNumber() ? number(primitive.getAsString()) : primitive.getAsString();
    }

    private static Number number(String text) {
        if (text.matches("-?[0-9]+")) {
            BigDecimal whole = new BigDecimal(text);
            if (whole.precision() < 10) {
                return whole.intValueExact();
            }
            return whole.precision() < 19 ? (Number) whole.longValueExact() : whole.toBigInteger();
        }
        return Double.valueOf(text);
    }

    /** A web action's response with a status; OpenWhisk looks for it in `error` where something failed. */
    private static JsonObject failure(int status, Map<String, Object> body) {
        JsonObject headers = new JsonObject();
        headers.addProperty("Content-Type", "application/json");
        JsonObject response = new JsonObject();
        response.addProperty("statusCode", status);
        response.add("headers", headers);
        response.add("body", JSON.toJsonTree(body));
        JsonObject failed = new JsonObject();
        failed.add("error", response);
        return failed;
    }
}
