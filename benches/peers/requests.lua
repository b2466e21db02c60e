-- The requests of wrk, made beforehand: one for each token of the file REQUESTS ("token columns" a line), in turn.
-- TARGET is what they ask for; @COLUMNS@ in it becomes the holder's columns. CLOSE=1 ends the connection after each.
local requests, last = {}, 0

function init(arguments)
    local close = os.getenv("CLOSE") and "Connection: close\r\n" or ""
    for line in io.lines(os.getenv("REQUESTS")) do
        local token, columns = line:match("^(%S+) (%S+)$")
        local target = os.getenv("TARGET"):gsub("@COLUMNS@", columns)
        table.insert(requests, "GET " .. target .. " HTTP/1.1\r\nHost: reports.example\r\nUser-Agent: wrk\r\n"
            .. "Accept: application/json\r\nAccept-Encoding: identity\r\n" .. close .. "X-Api-Key: " .. token .. "\r\n\r\n")
    end
end

function request()
    last = last % #requests + 1
    return requests[last]
end

function done(summary, latency)
    local errors = summary.errors
    local broken = errors.connect + errors.read + errors.write + errors.timeout
    io.write(string.format("RESULT requests=%d microseconds=%d bytes=%d broken=%d refused=%d p50=%d p99=%d p999=%d\n",
        summary.requests, summary.duration, summary.bytes, broken, errors.status,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
