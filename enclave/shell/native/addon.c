/*
 * What Node does not offer and the enclave needs of its kernel: AF_VSOCK sockets, the ioctl of /dev/nsm, and setting the
 * clock. Nothing here decides anything. Each function answers a number: what was asked for, or -errno.
 *
 * Arguments come from addon.ts alone, so one of a wrong type is a bug of ours and throws. Bytes that the kernel gave are
 * bounded by the buffer they were given.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>
/* After sys/socket.h, whose types it uses. */
#include <linux/vm_sockets.h>

enum { ARGUMENTS_MAX = 4, TRIAL_BACKLOG = 4, MS_PER_SECOND = 1000, NS_PER_MS = 1000000 };

static napi_value integer(napi_env env, int64_t value) {
  napi_value result = NULL;
  napi_create_int64(env, value, &result);
  return result;
}

static bool read_arguments(napi_env env, napi_callback_info info, size_t expected, napi_value *values) {
  size_t count = ARGUMENTS_MAX;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) == napi_ok && count == expected) return true;
  napi_throw_type_error(env, NULL, "wrong number of arguments");
  return false;
}

static bool read_u32(napi_env env, napi_value value, uint32_t *out) {
  double number;
  if (napi_get_value_double(env, value, &number) == napi_ok && number >= 0 && number <= UINT32_MAX) {
    *out = (uint32_t)number;
    return true;
  }
  napi_throw_type_error(env, NULL, "expected a number of 32 bits");
  return false;
}

static bool read_fd(napi_env env, napi_value value, int *out) {
  if (napi_get_value_int32(env, value, out) == napi_ok && *out >= 0) return true;
  napi_throw_type_error(env, NULL, "expected a descriptor");
  return false;
}

static bool read_bytes(napi_env env, napi_value value, uint8_t **bytes, size_t *size) {
  napi_typedarray_type type;
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) == napi_ok && is_array &&
      napi_get_typedarray_info(env, value, &type, size, (void **)bytes, NULL, NULL) == napi_ok && type == napi_uint8_array)
    return true;
  napi_throw_type_error(env, NULL, "expected bytes");
  return false;
}

static struct sockaddr_vm vsock_address(uint32_t cid, uint32_t port) {
  struct sockaddr_vm address;
  memset(&address, 0, sizeof address);
  address.svm_family = AF_VSOCK;
  address.svm_cid = cid;
  address.svm_port = port;
  return address;
}

static int vsock_socket(void) {
  int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd < 0 ? -errno : fd;
}

/* Closes `fd` and keeps the error that made it useless. */
static int give_up(int fd) {
  int error = errno;
  close(fd);
  return -error;
}

/* vsockListen(cid, port, backlog): descriptor */
static napi_value vsock_listen(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS_MAX];
  uint32_t cid, port, backlog;
  if (!read_arguments(env, info, 3, values) || !read_u32(env, values[0], &cid) || !read_u32(env, values[1], &port) ||
      !read_u32(env, values[2], &backlog))
    return NULL;
  int fd = vsock_socket();
  if (fd < 0) return integer(env, fd);
  struct sockaddr_vm address = vsock_address(cid, port);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, (int)backlog) < 0)
    return integer(env, give_up(fd));
  return integer(env, fd);
}

/* One connection on its way: ends by the socket becoming writable, by its timer, or with the environment. */
typedef struct {
  napi_env env;
  napi_ref callback;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  uv_poll_t poll;
  uv_timer_t timer;
  int fd;
  int handles_open;
  bool ended;
} connecting;

/* The handles lie inside the struct: it may go only when libuv has let go of both. */
static void handle_closed(uv_handle_t *handle) {
  connecting *self = handle->data;
  self->handles_open -= 1;
  if (self->handles_open > 0) return;
  napi_remove_async_cleanup_hook(self->hook);
  free(self);
}

/* From here on libuv does not watch the descriptor, so that a Pipe handle may take it. */
static void stop_watching(connecting *self) {
  self->ended = true;
  uv_close((uv_handle_t *)&self->poll, handle_closed);
  uv_close((uv_handle_t *)&self->timer, handle_closed);
}

static void tell(connecting *self, int answer) {
  napi_env env = self->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback, receiver, argument = integer(env, answer), error;
  napi_get_reference_value(env, self->callback, &callback);
  napi_get_global(env, &receiver);
  napi_delete_reference(env, self->callback);
  if (napi_make_callback(env, self->context, receiver, callback, 1, &argument, NULL) == napi_pending_exception &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok)
    napi_fatal_exception(env, error);
  napi_async_destroy(env, self->context);
  napi_close_handle_scope(env, scope);
}

static void end_connecting(connecting *self, int error) {
  if (self->ended) return;
  int fd = self->fd;
  stop_watching(self);
  if (error != 0) close(fd);
  tell(self, error == 0 ? fd : -error);
}

static void became_writable(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  connecting *self = poll->data;
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
  end_connecting(self, error);
}

static void became_late(uv_timer_t *timer) { end_connecting(timer->data, ETIMEDOUT); }

/* A worker thread that ends takes its connections with it; nobody is left to be told. */
static void environment_ends(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  connecting *self = data;
  if (self->ended) return;
  int fd = self->fd;
  stop_watching(self);
  close(fd);
}

static int watch(connecting *self, uv_loop_t *loop, uint32_t timeout_ms) {
  int failed = uv_poll_init(loop, &self->poll, self->fd);
  if (failed != 0) return failed;
  uv_timer_init(loop, &self->timer);
  self->poll.data = self->timer.data = self;
  self->handles_open = 2;
  uv_poll_start(&self->poll, UV_WRITABLE, became_writable);
  uv_timer_start(&self->timer, became_late, timeout_ms, 0);
  return 0;
}

static napi_value follow(napi_env env, int fd, uint32_t timeout_ms, napi_value callback) {
  uv_loop_t *loop;
  napi_value name;
  connecting *self = calloc(1, sizeof *self);
  if (self == NULL) {
    close(fd);
    return integer(env, -ENOMEM);
  }
  self->env = env;
  self->fd = fd;
  napi_get_uv_event_loop(env, &loop);
  int failed = watch(self, loop, timeout_ms);
  if (failed != 0) {
    close(fd);
    free(self);
    return integer(env, failed);
  }
  napi_create_string_utf8(env, "VSOCKCONNECT", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &self->context);
  napi_create_reference(env, callback, 1, &self->callback);
  napi_add_async_cleanup_hook(env, environment_ends, self, &self->hook);
  return integer(env, 0);
}

/*
 * vsockConnect(cid, port, timeoutMs, callback): 0 when the connection is on its way; the callback then gets the descriptor
 * or -errno, once. No thread of the pool waits: those are few, and key derivation and files need them.
 */
static napi_value vsock_connect(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS_MAX];
  uint32_t cid, port, timeout_ms;
  if (!read_arguments(env, info, 4, values) || !read_u32(env, values[0], &cid) || !read_u32(env, values[1], &port) ||
      !read_u32(env, values[2], &timeout_ms))
    return NULL;
  int fd = vsock_socket();
  if (fd < 0) return integer(env, fd);
  struct sockaddr_vm address = vsock_address(cid, port);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
    return integer(env, give_up(fd));
  return follow(env, fd, timeout_ms, values[3]);
}

typedef int (*name_of_socket)(int fd, struct sockaddr *address, socklen_t *size);

/* Writes CID and port, four bytes each in the machine's order: the caller reads them through a Uint32Array. */
static napi_value vsock_name(napi_env env, napi_callback_info info, name_of_socket name) {
  napi_value values[ARGUMENTS_MAX];
  int fd;
  uint8_t *out;
  size_t size;
  if (!read_arguments(env, info, 2, values) || !read_fd(env, values[0], &fd) || !read_bytes(env, values[1], &out, &size))
    return NULL;
  struct sockaddr_vm address = vsock_address(0, 0);
  socklen_t length = sizeof address;
  if (name(fd, (struct sockaddr *)&address, &length) < 0) return integer(env, -errno);
  if (address.svm_family != AF_VSOCK || size != 2 * sizeof(uint32_t)) return integer(env, -EAFNOSUPPORT);
  memcpy(out, &address.svm_cid, sizeof(uint32_t));
  memcpy(out + sizeof(uint32_t), &address.svm_port, sizeof(uint32_t));
  return integer(env, 0);
}

/* vsockPeer(fd, out): 0 */
static napi_value vsock_peer(napi_env env, napi_callback_info info) { return vsock_name(env, info, getpeername); }

/* vsockOwn(fd, out): 0 */
static napi_value vsock_own(napi_env env, napi_callback_info info) { return vsock_name(env, info, getsockname); }

/* vsockLocalCid(fd): the machine's own CID, asked of /dev/vsock, which the caller opened */
static napi_value vsock_local_cid(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS_MAX];
  int fd;
  uint32_t cid = 0;
  if (!read_arguments(env, info, 1, values) || !read_fd(env, values[0], &fd)) return NULL;
  if (ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) < 0) return integer(env, -errno);
  return integer(env, cid);
}

/* closeDescriptor(fd): 0 */
static napi_value close_descriptor(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS_MAX];
  int fd;
  if (!read_arguments(env, info, 1, values) || !read_fd(env, values[0], &fd)) return NULL;
  return integer(env, close(fd) < 0 ? -errno : 0);
}

/* The driver's own form (linux/nsm.h, which older headers lack): two vectors, the request's and the response's. */
struct nsm_vector {
  uint64_t address;
  uint64_t size;
};
struct nsm_message {
  struct nsm_vector request;
  struct nsm_vector response;
};
#define NSM_IOCTL_RAW _IOWR(0x0A, 0x0, struct nsm_message)
_Static_assert(NSM_IOCTL_RAW == 0xC0200A00, "the number that the driver listens to");

/* nsmRequest(fd, request, response): bytes of the response */
static napi_value nsm_request(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS_MAX];
  int fd;
  uint8_t *request, *response;
  size_t request_size, response_size;
  if (!read_arguments(env, info, 3, values) || !read_fd(env, values[0], &fd) ||
      !read_bytes(env, values[1], &request, &request_size) || !read_bytes(env, values[2], &response, &response_size))
    return NULL;
  struct nsm_message message = {{(uintptr_t)request, request_size}, {(uintptr_t)response, response_size}};
  if (ioctl(fd, NSM_IOCTL_RAW, &message) < 0) return integer(env, -errno);
  /* The driver is the hypervisor's word: a length beyond the buffer is not believed. */
  return integer(env, message.response.size > response_size ? -EOVERFLOW : (int64_t)message.response.size);
}

/* setClock(unixMs): 0 */
static napi_value set_clock(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS_MAX];
  int64_t ms;
  if (!read_arguments(env, info, 1, values)) return NULL;
  if (napi_get_value_int64(env, values[0], &ms) != napi_ok || ms <= 0) {
    napi_throw_type_error(env, NULL, "expected milliseconds since 1970");
    return NULL;
  }
  struct timespec time = {ms / MS_PER_SECOND, (ms % MS_PER_SECOND) * NS_PER_MS};
  return integer(env, clock_settime(CLOCK_REALTIME, &time) < 0 ? -errno : 0);
}

static int trial_client(const struct sockaddr_un *address, socklen_t length) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  return connect(fd, (const struct sockaddr *)address, length) < 0 ? give_up(fd) : fd;
}

/*
 * trialListener(): descriptor of a Unix socket that listens under a name drawn by the kernel (no file), so that what Node
 * makes of a foreign descriptor can be tried on every machine, before it is trusted with one of AF_VSOCK.
 */
static napi_value trial_listener(napi_env env, napi_callback_info info) {
  (void)info;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return integer(env, -errno);
  if (bind(fd, (struct sockaddr *)&address, sizeof address.sun_family) < 0 || listen(fd, TRIAL_BACKLOG) < 0)
    return integer(env, give_up(fd));
  return integer(env, fd);
}

/* trialConnect(listener): descriptor of a socket that is connected to a trial listener */
static napi_value trial_connect(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS_MAX];
  int listener;
  struct sockaddr_un address;
  socklen_t length = sizeof address;
  if (!read_arguments(env, info, 1, values) || !read_fd(env, values[0], &listener)) return NULL;
  if (getsockname(listener, (struct sockaddr *)&address, &length) < 0) return integer(env, -errno);
  return integer(env, trial_client(&address, length));
}

static void add(napi_env env, napi_value exports, const char *name, napi_callback function) {
  napi_value value;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, NULL, &value) == napi_ok)
    napi_set_named_property(env, exports, name, value);
}

NAPI_MODULE_INIT() {
  add(env, exports, "vsockListen", vsock_listen);
  add(env, exports, "vsockConnect", vsock_connect);
  add(env, exports, "vsockPeer", vsock_peer);
  add(env, exports, "vsockOwn", vsock_own);
  add(env, exports, "vsockLocalCid", vsock_local_cid);
  add(env, exports, "closeDescriptor", close_descriptor);
  add(env, exports, "nsmRequest", nsm_request);
  add(env, exports, "setClock", set_clock);
  add(env, exports, "trialListener", trial_listener);
  add(env, exports, "trialConnect", trial_connect);
  return exports;
}
