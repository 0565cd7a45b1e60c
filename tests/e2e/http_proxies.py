"""Proxies that speak HTTP with appd and keep their connections."""

from processes import Place, Port, Process


class Proxy(Process):
    def __init__(self, name, command, text):
        self.port = Port()
        place = Place()
        path = place.write("proxy.conf", text.format(port=self.port.number, place=place.path))
        super().__init__(name, [*command, path], place)
        self.wait_ready(self.port.accepts)

    def stop(self):
        try:
            return super().stop()
        finally:
            self.port.release()
            self.place.remove()


def nginx(number) -> Proxy:
    return Proxy("nginx", ["/usr/sbin/nginx", "-e", "stderr", "-c"], f"""daemon off;
pid {{place}}/nginx.pid;
error_log stderr info;
worker_processes 1;
events {{{{ }}}}
http {{{{
  access_log off;
  client_body_temp_path {{place}}/client_body;
  proxy_temp_path {{place}}/proxy;
  fastcgi_temp_path {{place}}/fastcgi;
  uwsgi_temp_path {{place}}/uwsgi;
  scgi_temp_path {{place}}/scgi;
  client_max_body_size 0;
  upstream appd {{{{ server 127.0.0.1:{number}; keepalive 16; }}}}
  server {{{{
    listen 127.0.0.1:{{port}};
    location / {{{{
      proxy_pass http://appd;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_request_buffering off;
    }}}}
  }}}}
}}}}
""")


def haproxy(number, server_options="") -> Proxy:
    return Proxy("haproxy", ["/usr/sbin/haproxy", "-db", "-f"], f"""global
  nbthread 1
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 10s
frontend web
  bind 127.0.0.1:{{port}}
  default_backend site
backend site
  http-reuse always
  server appd 127.0.0.1:{number} {server_options}
""")
